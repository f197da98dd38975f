# SPDX-License-Identifier: MIT
"""Conan 2 recipe: the headers, and tl-expected for a consumer whose standard library has no std::expected."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd, valid_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class TamallocConan(ConanFile):
    name = "tamalloc"
    description = "Lazily zeroed memory for C++: you pay for what you touch, never for what you ask for"
    license = "MIT", "GPL-2.0-only WITH Linux-syscall-note"   # the latter: detail/uapi.h, the kernel's header
    topics = ("allocator", "memory", "pmr", "mmap", "linux", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    exports_sources = "include/*", "LICENSE", "LICENSES/*"
    no_copy_source = True

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "include", "tamalloc", "version.hpp"))
        self.version = re.search(r'#define TAMALLOC_VERSION_STRING "(.+)"', header).group(1)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        # Below C++20 validate() says what is wrong; a dependency that cannot be found would come first and hide it.
        if valid_min_cppstd(self, 20) and not valid_min_cppstd(self, 23):
            self.requires("tl-expected/[>=1.0 <2]", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("tamalloc needs Linux")
        check_min_cppstd(self, 20)

    def build(self):
        pass

    def package(self):
        licenses = os.path.join(self.package_folder, "licenses")
        copy(self, "LICENSE", self.source_folder, licenses)
        for pattern in ("GPL-2.0-only.txt", "Linux-syscall-note.txt"):
            copy(self, pattern, os.path.join(self.source_folder, "LICENSES"), licenses)
        for pattern in ("*.hpp", "*.h"):
            copy(self, pattern, os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "tamalloc")
        self.cpp_info.set_property("cmake_target_name", "tamalloc::tamalloc")
        self.cpp_info.set_property("pkg_config_name", "tamalloc")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
