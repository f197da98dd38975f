// SPDX-License-Identifier: MIT
//
// What the demonstration asks the machine: how much memory there is, how much may still be taken, how large pages get.
//
//   namespace machine {
//     std::uint64_t total_memory();
//     std::uint64_t available_memory();
//     std::size_t largest_page();
//   }
#pragma once
#include <algorithm>    // std::min
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <fstream>      // std::ifstream
#include <limits>       // std::numeric_limits
#include <string>       // std::getline, std::string

#include <unistd.h>   // sysconf

#include "tamalloc/stats.hpp"   // system_stats

namespace machine {

namespace detail {

using Path = std::filesystem::path;

// The number after `key` in a file of lines "key number"; without a key, the number the file begins with.
inline std::uint64_t number_in(const Path& file, const std::string& key, std::uint64_t otherwise) {
    std::ifstream in(file);
    std::string word;
    std::uint64_t value = 0;
    if (!key.empty())
        while (in >> word && word != key) {
        }
    return in >> value ? value : otherwise;
}

// What the cgroup in `directory` may still take; file cache counts as free, because the kernel gives it up first.
inline std::uint64_t left_in_cgroup(const Path& directory, const char* limit, const char* usage, const char* cache) {
    constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();
    const auto most = number_in(directory / limit, "", unlimited);   // v2 says "max", which is no number
    if (most == unlimited) return unlimited;
    const auto used = number_in(directory / usage, "", 0) - number_in(directory / "memory.stat", cache, 0);
    return most > used ? most - used : 0;
}

// The least that the process's cgroup and those around it leave. In a container the upper ones may be out of sight.
inline std::uint64_t left_in_cgroups() {
    auto left = std::numeric_limits<std::uint64_t>::max();
    std::ifstream in("/proc/self/cgroup");
    for (std::string line; std::getline(in, line);) {   // "0::/path" is version 2, "9:memory:/path" is version 1
        const bool v2 = line.starts_with("0::");
        if (!v2 && line.find(":memory:") == std::string::npos) continue;
        const Path root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
        for (Path path = line.substr(line.rfind(":/") + 2);; path = path.parent_path()) {
            left = std::min(left, v2 ? left_in_cgroup(root / path, "memory.max", "memory.current", "inactive_file")
                                     : left_in_cgroup(root / path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                                      "total_inactive_file"));
            if (path.empty()) break;
        }
    }
    return left;
}

}   // namespace detail

/// \returns the memory of the machine, in bytes; 0 where /proc does not tell
inline std::uint64_t total_memory() {
    const auto stats = tamalloc::system_stats(nullptr);
    return stats ? stats->memory.total : 0;
}

/// \returns what is available of it, or what the memory limits of the cgroups leave if that is less, in bytes
inline std::uint64_t available_memory() {
    const auto stats = tamalloc::system_stats(nullptr);
    return std::min(stats ? stats->memory.available : 0, detail::left_in_cgroups());
}

/// \returns the unit in which the kernel gives memory to a program that does not ask for huge pages, in bytes
inline std::size_t largest_page() {
    std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
    std::string setting;
    if (std::getline(in, setting) && setting.find("[always]") != std::string::npos)
        return detail::number_in("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "", std::size_t{2} << 20);
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}   // namespace machine
