#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a recipe that works with the settings of whoever wrote it. Runs conanfile.py step by step with small stand-ins for the
modules of Conan, for settings that the real one is not run with, and then recipes with an error each, which must be noticed.
conan.sh has the runs of the real Conan.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "conanfile.py").read_text()
VERSION = next(line.split('"')[1] for line in (ROOT / "include/tamalloc/version.hpp").open() if "VERSION_STRING \"" in line)


class InvalidConfiguration(Exception):
    pass


class ConanFile:
    """What the recipe finds in itself when it is run for a consumer with these settings."""

    def __init__(self, os="Linux", cppstd="20"):
        self.settings = types.SimpleNamespace(os=os, cppstd=cppstd)
        self.recipe_folder = str(ROOT)
        self.requirements_made, self.cleared, self.properties = {}, False, {}
        self.info = types.SimpleNamespace(clear=lambda: setattr(self, "cleared", True))
        self.cpp_info = types.SimpleNamespace(set_property=self.properties.__setitem__)

    def requires(self, reference, **traits):
        self.requirements_made[reference] = traits


def valid_min_cppstd(conanfile, minimum):
    return int(conanfile.settings.cppstd.removeprefix("gnu")) >= minimum


def check_min_cppstd(conanfile, minimum):
    if not valid_min_cppstd(conanfile, minimum):
        raise InvalidConfiguration(f"cppstd is lower than {minimum}")


def copy(_conanfile, pattern, source, destination):
    found = [path for path in pathlib.Path(source).rglob("*") if path.match(pattern) and path.is_file()]
    assert found, f"the pattern {pattern} matches nothing in {source}"
    for path in found:
        target = pathlib.Path(destination) / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def export(recipe, folder):
    """Copies exports_sources as Conan does: patterns relative to the recipe, * also across folders."""
    for pattern in recipe.exports_sources:
        found = [path for path in ROOT.glob(pattern.replace("/*", "/**/*")) if path.is_file()]
        assert found, f"the pattern {pattern} of exports_sources matches nothing"
        for path in found:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def install_stand_ins():
    members = {
        "conan": {"ConanFile": ConanFile},
        "conan.errors": {"ConanInvalidConfiguration": InvalidConfiguration},
        "conan.tools": {},
        "conan.tools.build": {"check_min_cppstd": check_min_cppstd, "valid_min_cppstd": valid_min_cppstd},
        "conan.tools.files": {"copy": copy, "load": lambda _, path: pathlib.Path(path).read_text()},
        "conan.tools.layout": {"basic_layout": lambda _: None},
    }
    for name, values in members.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(values)


def refuses(recipe):
    try:
        recipe.validate()
    except InvalidConfiguration:
        return True
    return False


def requirement(recipe):
    recipe.requirements()
    return recipe.requirements_made


def check(text, folder):
    """The whole contract; the package is left in FOLDER/package."""
    names = {}
    exec(compile(text, "conanfile.py", "exec"), names)   # pylint: disable=exec-used
    recipe_class = names["TamallocConan"]

    assert refuses(recipe_class(os="Windows")), "Windows is accepted"
    for cppstd in ("17", "gnu17"):
        assert refuses(recipe_class(cppstd=cppstd)), "C++17 is accepted"
        assert not requirement(recipe_class(cppstd=cppstd)), "tl-expected is asked for before C++17 is refused"
    for cppstd in ("20", "gnu20", "23"):
        assert not refuses(recipe_class(cppstd=cppstd)), f"C++{cppstd} is refused"
    assert requirement(recipe_class(cppstd="23")) == {}, "tl-expected is asked for at C++23"
    for cppstd in ("20", "gnu20"):
        wanted = {"tl-expected/[>=1.0 <2]": {"transitive_headers": True}}
        assert requirement(recipe_class(cppstd=cppstd)) == wanted, "tl-expected is not asked for, or its headers do not come along"

    recipe = recipe_class()
    recipe.set_version()
    assert recipe.version == VERSION, "the recipe has another version"
    recipe.package_id()
    assert recipe.cleared, "the package's id depends on settings"

    for part in ("source", "package"):
        shutil.rmtree(folder / part, ignore_errors=True)
    recipe.source_folder, recipe.package_folder = str(folder / "source"), str(folder / "package")
    export(recipe, folder / "source")
    recipe.package()
    for wanted in ("licenses/LICENSE", "include/tamalloc/tamalloc.hpp", "include/tamalloc/detail/uapi.h"):
        assert (folder / "package" / wanted).is_file(), f"the package has no {wanted}"
    recipe.package_info()
    assert recipe.properties == {"cmake_file_name": "tamalloc", "cmake_target_name": "tamalloc::tamalloc",
                                 "pkg_config_name": "tamalloc"}, "other names"
    assert recipe.cpp_info.bindirs == recipe.cpp_info.libdirs == [], "there are no programs and no libraries"


MUTANTS = [
    ('self.settings.os != "Linux"', "False", "Windows is accepted"),
    ("        check_min_cppstd(self, 20)\n", "", "C++17 is accepted"),
    ("valid_min_cppstd(self, 20) and ", "", "before C++17 is refused"),
    (" and not valid_min_cppstd(self, 23)", "", "asked for at C++23"),
    (", transitive_headers=True", "", "its headers do not come along"),
    ("self.info.clear()", "pass", "id depends on settings"),
    ('"LICENSES/*"', '"COPYING/*"', "matches nothing"),
    ('("*.hpp", "*.h")', '("*.hpp", "*.hh")', "matches nothing"),
    ('("*.hpp", "*.h")', '("*.hpp",)', "has no include/tamalloc/detail/uapi.h"),
    (r'VERSION_STRING "(.+)"', r'VERSION_MAJOR (\d+)', "another version"),
]


def main():
    install_stand_ins()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for old, new, message in MUTANTS:
            assert RECIPE.count(old) == 1, f"the recipe has not one {old}"
            try:
                check(RECIPE.replace(old, new), folder)
            except AssertionError as error:
                assert message in str(error), f"{old} -> {new}: expected {message}, got {error}"
            else:
                sys.exit(f"not noticed: {old} -> {new}")
        check(RECIPE, folder)
        subprocess.run(["g++-12", "-std=c++20", "-fsyntax-only", "-I", folder / "package/include",
                        ROOT / "test_package/test_package.cpp"], check=True)
    print(f"the contract holds, and {len(MUTANTS)} mutants of the recipe are noticed")


main()
