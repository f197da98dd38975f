# SPDX-License-Identifier: MIT
# The target tamalloc_single_header: the headers that scripts/amalgamate.py writes, and for every other header of the library a
# file of its name that includes the one in which its text is. Nothing of include/ is on the path.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(folder ${PROJECT_BINARY_DIR}/single)
set(forward ${PROJECT_BINARY_DIR}/forward)
set(script ${PROJECT_SOURCE_DIR}/scripts/amalgamate.py)
execute_process(COMMAND ${Python3_EXECUTABLE} ${script} ${folder} COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script} ${headers} ${PROJECT_SOURCE_DIR}/include/tamalloc/range_v3.hpp)

file(GLOB files RELATIVE ${folder} ${folder}/tamalloc/*.hpp)
foreach(file IN LISTS files)
    file(STRINGS ${folder}/${file} parts REGEX "^// ---- tamalloc/")
    list(TRANSFORM parts REPLACE "^// ---- " "")
    list(REMOVE_ITEM parts ${file})
    foreach(part IN LISTS parts)
        file(CONFIGURE OUTPUT ${forward}/${part} CONTENT "#include \"${file}\"\n" @ONLY)
    endforeach()
endforeach()

add_library(tamalloc_single_header INTERFACE)
target_include_directories(tamalloc_single_header INTERFACE ${folder} ${forward})
target_compile_features(tamalloc_single_header INTERFACE cxx_std_20)
target_link_libraries(tamalloc_single_header INTERFACE $<TARGET_NAME_IF_EXISTS:tl::expected>)
