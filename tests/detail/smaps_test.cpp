// SPDX-License-Identifier: MIT
// Hazard: a file name with blanks, digits or line ends is taken for a figure or a mapping; a file that was cut off makes half
// a mapping; or a kind is told in the wrong order, and a reserve that costs nothing is called promised memory.
#include "tamalloc/detail/smaps.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>

#include "fake_proc.hpp"

namespace {

using tamalloc::errc;
using tamalloc::Mapping;
using tamalloc::MappingKind;
using tamalloc::detail::Descriptor;
using tamalloc::detail::ProcessMappings;

// As Linux 6.12 writes it, with figures that can be told apart.
std::string smaps_entry(const std::string& first_line, const std::string& flags, int resident_kib = 20) {
    const auto kib = [](const char* key, int n) {
        const auto digits = std::to_string(n);
        const std::string name = std::string(key) + ":";
        return name + std::string(24 - name.size() - digits.size(), ' ') + digits + " kB\n";
    };
    return first_line + "\n" + kib("Size", 4000) + kib("KernelPageSize", 4) + kib("MMUPageSize", 4) +
           kib("Rss", resident_kib) + kib("Pss", 7) + kib("Pss_Dirty", 3) + kib("Shared_Clean", 1) +
           kib("Shared_Dirty", 2) + kib("Private_Clean", 5) + kib("Private_Dirty", 6) + kib("Referenced", 20) +
           kib("Anonymous", 6) + kib("KSM", 0) + kib("LazyFree", 0) + kib("AnonHugePages", 8) +
           kib("ShmemPmdMapped", 0) + kib("Swap", 9) + kib("SwapPss", 4) + "THPeligible:           0\n" +
           "ProtectionKey:         0\n" + "VmFlags: " + flags + " \n";
}

struct SmapsReading {
    std::vector<Mapping> mappings;
    std::error_code error;
};

SmapsReading read_smaps(const support::FakeProc& proc) {
    const auto path = (proc.root / "1").string();
    const Descriptor directory(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY);
    ProcessMappings all(directory);
    SmapsReading reading;
    for (Mapping mapping; all.next(mapping);) reading.mappings.push_back(mapping);
    reading.error = all.error();
    return reading;
}

SmapsReading read_smaps(std::string_view text) {
    const support::FakeProc proc;
    proc.write(proc.add(1) / "smaps", text);
    return read_smaps(proc);
}

MappingKind kind_of(const char* permissions, const char* flags, const char* path) {
    const auto reading =
        read_smaps(smaps_entry(std::string("1000-2000 ") + permissions + " 00000000 00:00 0 " + path, flags));
    REQUIRE(reading.mappings.size() == 1);
    return reading.mappings.front().kind;
}

}   // namespace

TEST_CASE("a mapping has the figures of its lines") {
    const auto [mappings, error] =
        read_smaps(smaps_entry("55d0c0a00000-55d0c0e00000 r-xp 00001000 fe:00 131 /usr/bin/node", "rd ex mr mw me sd") +
                   smaps_entry("7ffc0000000-7ffc0021000 rw-p 00000000 00:00 0                          [stack]",
                               "rd wr mr mw me gd ac", 0));
    CHECK(!error);
    REQUIRE(mappings.size() == 2);
    const auto& m = mappings[0];
    CHECK(m.first == 0x55d0c0a00000);
    CHECK(m.last == 0x55d0c0e00000);
    CHECK(m.size() == 4 << 20);
    CHECK(std::string_view(m.permissions.data(), 4) == "r-xp");
    CHECK(m.path == "/usr/bin/node");
    CHECK(m.flags == "rd ex mr mw me sd");
    CHECK(m.resident == 20 * 1024);
    CHECK(m.pss == 7 * 1024);
    CHECK(m.uss == 11 * 1024);
    CHECK(m.huge == 8 * 1024);
    CHECK(m.swap == 9 * 1024);
    CHECK(m.kind == MappingKind::file);
    CHECK_FALSE(m.accounted);
    CHECK(mappings[1].path == "[stack]");
    CHECK(mappings[1].resident == 0);
    CHECK(mappings[1].kind == MappingKind::charged);
    CHECK(mappings[1].accounted);
}

TEST_CASE("the kind of a mapping is the first that fits") {
    CHECK(kind_of("---p", "mr mw me nr ac", "/lib/x") == MappingKind::none);
    CHECK(kind_of("---s", "mr mw me", "") == MappingKind::none);
    CHECK(kind_of("rw-p", "rd wr nr ac", "") == MappingKind::noreserve);
    CHECK(kind_of("rw-p", "rd wr ac", "/lib/x") == MappingKind::charged);
    CHECK(kind_of("r--p", "rd mr", "/lib/x (deleted)") == MappingKind::file);
    CHECK(kind_of("r--p", "rd mr", "[vdso]") == MappingKind::other);
    CHECK(kind_of("--xp", "ex", "") == MappingKind::other);
    CHECK(kind_of("rw-s", "", "/dev/shm/x") == MappingKind::file);
}

TEST_CASE("a path may be anything but a line end") {
    const std::array<std::string, 6> paths{
        "/a b  c",       "/Rss:               999 kB", "/1000-2000 rw-p 0 0:0 0", "/x\\012y",
        "/\xff\x1b[31m", "/ends with blank "};
    for (const auto& path : paths) {
        CAPTURE(path);
        const auto [mappings, error] = read_smaps(smaps_entry("1000-2000 rw-p 00000000 00:00 0    " + path, "ac"));
        CHECK(!error);
        REQUIRE(mappings.size() == 1);
        CHECK(mappings[0].path == path);
        CHECK(mappings[0].resident == 20 * 1024);
    }
}

TEST_CASE("of a path that is longer than a buffer the beginning is there, and the figures are right") {
    const std::string path = "/" + std::string(5000, 'x');
    const auto [mappings, error] = read_smaps(smaps_entry("1000-2000 rw-p 00000000 00:00 0 " + path, "ac") +
                                              smaps_entry("3000-4000 rw-p 00000000 00:00 0 /y", "ac"));
    CHECK(!error);
    REQUIRE(mappings.size() == 2);
    CHECK(mappings[0].path.size() > 1900);
    CHECK(path.starts_with(mappings[0].path));
    CHECK(mappings[0].resident == 20 * 1024);
    CHECK(mappings[1].path == "/y");
}

TEST_CASE("a text that is cut off anywhere is an error or ends with a whole mapping") {
    const auto text =
        smaps_entry("1000-2000 rw-p 00000000 00:00 0 /x", "ac") + smaps_entry("3000-4000 rw-p 00000000 00:00 0", "nr");
    std::size_t whole = 0;
    for (std::size_t length = 0; length <= text.size(); ++length) {
        CAPTURE(length);
        const auto [mappings, error] = read_smaps(text.substr(0, length));
        const bool ends_with_line = length == 0 || text[length - 1] == '\n';
        if (!ends_with_line) CHECK(error == errc::malformed_procfs);
        for (const auto& m : mappings) CHECK(m.resident == 20 * 1024);
        whole += error ? 0 : 1;
    }
    CHECK(whole > 2);
}

TEST_CASE("what is no smaps is an error") {
    const auto good = smaps_entry("1000-2000 rw-p 00000000 00:00 0", "ac");
    for (const std::string first :
         {"1000-1000 rw-p 0 0:0 0", "2000-1000 rw-p 0 0:0 0", "1000 2000 rw-p 0 0:0 0", "x000-2000 rw-p 0 0:0 0",
          "1000-2000", "1000-2000 rw", "-2000 rw-p 0 0:0 0", "11111111111111111-2 rw-p 0 0:0 0", ""}) {
        CAPTURE(first);
        const auto [mappings, error] = read_smaps(good + smaps_entry(first, "ac"));
        CHECK(error == errc::malformed_procfs);
        CHECK(mappings.size() <= 1);
    }
    CHECK(read_smaps("1000-2000 rw-p 00000000 00:00 0\nSize: 4 kB\n").error == errc::malformed_procfs);   // no Rss
    CHECK(read_smaps("1000-2000 rw-p 00000000 00:00 0\nRss: x kB\n").error == errc::malformed_procfs);
    CHECK(read_smaps("1000-2000 rw-p 00000000 00:00 0\nRss: 99999999999999999999 kB\n").error ==
          errc::malformed_procfs);
}

TEST_CASE("a sandbox's smaps without flags has no kind but what the line tells") {
    const auto [mappings, error] =
        read_smaps("1000-2000 rw-p 00000000 00:00 0\nRss: 4 kB\n3000-4000 ---p 0 0:0 0\nRss: 0 kB\n");
    CHECK(!error);
    REQUIRE(mappings.size() == 2);
    CHECK(mappings[0].kind == MappingKind::other);
    CHECK(mappings[1].kind == MappingKind::none);
}

TEST_CASE("vsyscall, which no figure of a process counts, is left out") {
    const auto [mappings, error] =
        read_smaps(smaps_entry("1000-2000 rw-p 00000000 00:00 0", "ac") +
                   smaps_entry("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]", "ex"));
    CHECK(!error);
    CHECK(mappings.size() == 1);
}

TEST_CASE("where the main thread has ended another one shows the mappings") {
    const support::FakeProc proc;
    proc.write(proc.add(1) / "smaps", "");
    CHECK(read_smaps(proc).mappings.empty());
    CHECK(!read_smaps(proc).error);
    (void)proc.add_thread(1, 7);
    const auto other = proc.add_thread(1, 8);
    CHECK(read_smaps(proc).mappings.empty());   // a zombie has threads, and no file shows anything
    proc.write(other / "smaps", smaps_entry("1000-2000 rw-p 00000000 00:00 0", "ac"));
    CHECK(read_smaps(proc).mappings.size() == 1);
}

TEST_CASE("without the file the kernel cannot do it, without the process nobody can") {
    const support::FakeProc proc;
    const auto directory = proc.add(1);
    CHECK(read_smaps(proc).error == errc::unsupported);
    std::filesystem::remove(proc.root / directory / "stat");
    CHECK(read_smaps(proc).error == errc::no_such_process);
}
