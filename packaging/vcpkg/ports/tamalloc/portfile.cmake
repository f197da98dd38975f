# SPDX-License-Identifier: MIT
# An overlay port: it builds the tree that it lies in.
set(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../..")
set(VCPKG_BUILD_TYPE release)   # headers only

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DTAMALLOC_BUILD_TESTS=OFF -DTAMALLOC_BUILD_TOOLS=OFF -DTAMALLOC_BUILD_EXAMPLES=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/tamalloc)
vcpkg_fixup_pkgconfig()

vcpkg_install_copyright(FILE_LIST
    "${SOURCE_PATH}/LICENSE" "${SOURCE_PATH}/LICENSES/GPL-2.0-only.txt" "${SOURCE_PATH}/LICENSES/Linux-syscall-note.txt"
)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
