# SPDX-License-Identifier: MIT
include_guard()

# Compiles several files of a target at a time where TAMALLOC_TEST_UNITY says so: the headers are most of the work. What is in no
# group stands alone, because it calls something as another file does, or specialises what another one asserts.
function(compile_together target group suffix)
    list(TRANSFORM ARGN APPEND ${suffix})
    set_target_properties(${target} PROPERTIES UNITY_BUILD "${TAMALLOC_TEST_UNITY}" UNITY_BUILD_MODE GROUP)
    set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
endfunction()
