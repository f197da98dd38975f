// SPDX-License-Identifier: MIT
//
// A directory that reads like /proc, with processes of any kind and number.
//
//   namespace support {
//     struct FakeProcess;   // what the files of one say
//     class FakeProc;       // the directory, for as long as the test lasts
//     std::size_t open_descriptors();
//   }
#pragma once
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <cstdlib>       // mkdtemp
#include <filesystem>    // std::filesystem
#include <fstream>       // std::ifstream, std::ofstream
#include <iterator>      // std::istreambuf_iterator, std::distance
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move

#include <unistd.h>   // access

#include "tamalloc/detail/procfs.hpp"

namespace support {

struct FakeProcess {
    std::string name = "sleep";
    char state = 'S';
    int parent = 1;
    unsigned uid = 1000;
    unsigned flags = 0x400000;                    // PF_RANDOMIZE
    std::uint64_t pages = 1000, resident = 250;   // of 4 KiB; peaks are 5 and 7 pages above
    std::uint64_t swap_kib = 12, page_tables_kib = 48;
    int oom_score = 666, oom_score_adj = 0;
    std::uint64_t start_ticks = 12345;
    int thread_of = 0;    // not 0: the id is that of a thread of this process
    std::string groups;   // supplementary ones
    bool memory = true;   // false: kernel threads and zombies
    int threads = 1;

    static FakeProcess kernel_thread() {
        FakeProcess p;
        p.name = "kworker/0:1H-events_highpri";
        p.flags = 0x4208060;   // with PF_KTHREAD
        p.flags |= 0x200000;
        p.memory = false;
        return p;
    }
    static FakeProcess zombie() {
        FakeProcess p;
        p.state = 'Z';
        p.memory = false;
        return p;
    }

    [[nodiscard]] std::string stat(int pid) const {
        std::string text = std::to_string(pid) + " (" + name + ") " + state + " " + std::to_string(parent) +
                           " 7513 6431 0 -1 " + std::to_string(flags) + " 100 0 0 0 0 0 0 0 20 0 1 0 " +
                           std::to_string(start_ticks) + " 3133440 394 18446744073709551615";
        for (int field = 26; field <= 52; ++field) text += " 0";
        return text + "\n";
    }

    [[nodiscard]] std::string status(int pid) const {
        std::string escaped;   // fs/proc/array.c: newline and backslash, nothing else
        for (const char c : name) escaped += c == '\n' ? "\\n" : c == '\\' ? "\\\\" : std::string(1, c);
        const auto id = std::to_string(pid), user = std::to_string(uid);
        std::string text = "Name:\t" + escaped + "\nUmask:\t0022\nState:\t" + state + " (whatever)\nTgid:\t" +
                           (thread_of != 0 ? std::to_string(thread_of) : id) + "\nNgid:\t0\nPid:\t" + id + "\nPPid:\t" +
                           std::to_string(parent) + "\nTracerPid:\t0\nUid:\t" + user + "\t7\t8\t9" +
                           "\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t" + groups + " \nNStgid:\t" + id + "\n";
        const auto line = [&](const char* key, std::uint64_t kib) {
            const auto number = std::to_string(kib);
            text += std::string(key) + ":\t" + std::string(number.size() < 8 ? 8 - number.size() : 0, ' ') + number +
                    " kB\n";
        };
        if (memory) {
            line("VmPeak", (pages + 5) * 4);
            line("VmSize", pages * 4);
            line("VmLck", 0);
            line("VmPin", 0);
            line("VmHWM", (resident + 7) * 4);
            line("VmRSS", resident * 4);
            line("RssAnon", 112);
            line("VmPTE", page_tables_kib);
            line("VmSwap", swap_kib);
        }
        return text + "Threads:\t" + std::to_string(threads) + "\nSigQ:\t0/96365\nCpus_allowed:\t" +
               std::string(2000, 'f') + "\n";
    }
};

class FakeProc {
public:
    FakeProc() {
        const bool memory = ::access("/dev/shm", W_OK) == 0;
        auto pattern = ((memory ? "/dev/shm" : std::filesystem::temp_directory_path()) / "tamalloc.XXXXXX").string();
        root = ::mkdtemp(pattern.data());
        std::filesystem::permissions(root, std::filesystem::perms(0755));
        std::filesystem::create_symlink("1", root / "self");
        write("meminfo", "MemTotal:       24684084 kB\nMemFree:        23450872 kB\nMemAvailable:   23963620 kB\n"
                         "SwapTotal:       1048576 kB\nSwapFree:        1048572 kB\nCommitLimit:    12342040 kB\n"
                         "Committed_AS:     313572 kB\nHugePages_Total:       0\n");
        write("stat", "cpu  60975 25 8137 48849 270 3 46 112 60 5\ncpu0 28881 0 3962 26248 31 0 16 59 0 0\n");
        std::filesystem::create_directory(root / "sys");
        std::filesystem::create_directory(root / "1x");
    }
    FakeProc(const FakeProc&) = delete;
    FakeProc& operator=(const FakeProc&) = delete;
    ~FakeProc() {
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
    }

    void write(const std::filesystem::path& file, std::string_view text) const {
        std::ofstream(root / file, std::ios::binary) << text;
    }
    [[nodiscard]] std::string read(const std::filesystem::path& file) const {
        std::ifstream in(root / file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] std::filesystem::path add(int pid, const FakeProcess& process = {}) const {
        const std::filesystem::path directory = std::to_string(pid);
        std::filesystem::create_directory(root / directory);
        write(directory / "stat", process.stat(pid));
        write(directory / "status", process.status(pid));
        write(directory / "oom_score", std::to_string(process.oom_score) + "\n");
        write(directory / "oom_score_adj", std::to_string(process.oom_score_adj) + "\n");
        return directory;
    }
    [[nodiscard]] std::filesystem::path add_thread(int pid, int id, FakeProcess process = {}) const {
        const auto directory = std::filesystem::path(std::to_string(pid)) / "task" / std::to_string(id);
        std::filesystem::create_directories(root / directory);
        process.thread_of = pid;
        write(directory / "status", process.status(id));
        return directory;
    }

    [[nodiscard]] tamalloc::detail::Procfs open(const tamalloc::detail::ProcUnits& units = {
                                                    .ticks_per_second = 100}) const {
        return std::move(tamalloc::detail::Procfs::open(root.c_str(), units).value());
    }

    std::filesystem::path root;
};

inline std::size_t open_descriptors() {
    const auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}   // namespace support
