# SPDX-License-Identifier: MIT
# The program, its manual page, and completion scripts, which it writes itself.
set(completions)
foreach(shell IN ITEMS bash zsh fish)
    set(script ${CMAKE_CURRENT_BINARY_DIR}/completion.${shell})
    add_custom_command(OUTPUT ${script} COMMAND tamstat completion ${shell} > ${script} DEPENDS tamstat VERBATIM)
    list(APPEND completions ${script})
endforeach()
add_custom_target(tamstat_completions ALL DEPENDS ${completions})

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME tamalloc_Tools)
install(TARGETS tamstat DESTINATION bin)
install(FILES tamstat.1 DESTINATION share/man/man1)
# Where each shell looks, under the name that it looks for.
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion.bash DESTINATION share/bash-completion/completions RENAME tamstat)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion.zsh DESTINATION share/zsh/site-functions RENAME _tamstat)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/completion.fish DESTINATION share/fish/vendor_completions.d RENAME tamstat.fish)
