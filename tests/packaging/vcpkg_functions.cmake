# SPDX-License-Identifier: MIT
# What vcpkg's functions promise a port, as far as ours calls them, and nothing else: an argument that they do not know is an
# error, as it is there. Run as: cmake -DPORT_DIR=... -DCURRENT_PACKAGES_DIR=... -DCURRENT_BUILDTREES_DIR=... -P vcpkg_functions.cmake
cmake_minimum_required(VERSION 3.25)
set(PORT tamalloc)

macro(arguments options one many)
    cmake_parse_arguments(PARSE_ARGV 0 arg "${options}" "${one}" "${many}")
    if(DEFINED arg_UNPARSED_ARGUMENTS OR DEFINED arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}: bad arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
endmacro()

# Both build types, unless the port wants one only. An option that the project does not have is a mistake.
function(vcpkg_cmake_configure)
    arguments("" "SOURCE_PATH" "OPTIONS")
    execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR} -G Ninja
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS} ERROR_VARIABLE errors COMMAND_ERROR_IS_FATAL ANY)
    if(errors MATCHES "not used by the project")
        message(FATAL_ERROR "vcpkg_cmake_configure: ${errors}")
    endif()
endfunction()

function(vcpkg_cmake_install)
    arguments("" "" "")
    execute_process(COMMAND ${CMAKE_COMMAND} --build ${CURRENT_BUILDTREES_DIR} --target install COMMAND_ERROR_IS_FATAL ANY)
    if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
        execute_process(COMMAND ${CMAKE_COMMAND} --install ${CURRENT_BUILDTREES_DIR} --prefix ${CURRENT_PACKAGES_DIR}/debug COMMAND_ERROR_IS_FATAL ANY)
    endif()
endfunction()

# Moves the files of CMake to share/PORT and says so in those that look for the prefix from where they lie.
function(vcpkg_cmake_config_fixup)
    arguments("" "CONFIG_PATH" "")
    set(from "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}")
    file(GLOB files "${from}/*.cmake")
    if(NOT files)
        message(FATAL_ERROR "vcpkg_cmake_config_fixup: no files in ${from}")
    endif()
    foreach(file IN LISTS files)
        file(READ "${file}" text)
        set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
        string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
        cmake_path(GET file FILENAME name)
        file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/${name}" "${text}")
    endforeach()
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/cmake")
endfunction()

function(vcpkg_fixup_pkgconfig)
    arguments("" "" "")
    file(GLOB_RECURSE files "${CURRENT_PACKAGES_DIR}/*.pc")
    foreach(file IN LISTS files)
        execute_process(COMMAND pkg-config --exists --print-errors ${file} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
endfunction()

function(vcpkg_install_copyright)
    arguments("" "" "FILE_LIST")
    foreach(file IN LISTS arg_FILE_LIST)
        file(READ "${file}" text)
        file(APPEND "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright" "${text}")
    endforeach()
endfunction()

include(${PORT_DIR}/portfile.cmake)
