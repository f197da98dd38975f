// SPDX-License-Identifier: MIT
//
// Limits under which a program has to go on.
//
//   namespace soak {
//     class AddressSpaceLimit;   // RLIMIT_AS, for as long as it lives
//     class ControlGroup;        // this process in a group of its own, with memory.max
//   }
#pragma once
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <filesystem>     // std::filesystem::create_directory, exists, remove
#include <fstream>        // std::ifstream, std::ofstream
#include <string>         // std::getline, std::string, std::to_string
#include <system_error>   // std::error_code

#include <sys/resource.h>   // getrlimit, setrlimit
#include <unistd.h>         // getpid

#include "tamalloc/stats.hpp"   // process_stats

namespace soak {

class AddressSpaceLimit {
public:
    /// So many bytes more than this process has now.
    explicit AddressSpaceLimit(std::size_t more) {
        ::getrlimit(RLIMIT_AS, &before_);
        auto limit = before_;
        limit.rlim_cur = tamalloc::process_stats().value().reserved + more;
        ::setrlimit(RLIMIT_AS, &limit);
    }
    AddressSpaceLimit(const AddressSpaceLimit&) = delete;
    AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;
    ~AddressSpaceLimit() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

/// Of version 2, where this process may make one: cgroups(7).
class ControlGroup {
public:
    ControlGroup() {
        std::string line;
        for (std::ifstream file("/proc/self/cgroup"); std::getline(file, line);)
            if (line.starts_with("0::")) before_ = root + line.substr(3);
        std::error_code error;
        // Of version 1 this is a directory like any other, in which nothing appears by itself.
        if (!std::filesystem::create_directory(path_, error) ||
            !std::filesystem::exists(path_ + "/memory.max", error) || !enter(path_)) {
            problem_ = "there is no control group of version 2 with memory.max that this process may make";
            std::filesystem::remove(path_, error);
        }
    }
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    ~ControlGroup() {
        if (!problem_.empty()) return;
        enter(before_);
        std::error_code error;
        std::filesystem::remove(path_, error);
    }

    /// \returns why there is none; empty when there is
    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// memory.max, in bytes
    bool set_limit(std::size_t bytes) { return put(path_ + "/memory.max", std::to_string(bytes)); }
    /// \returns how often it was reached so far
    [[nodiscard]] std::uint64_t times_reached() const {
        std::ifstream events(path_ + "/memory.events");
        std::string name;
        std::uint64_t n = 0;
        while (events >> name >> n)
            if (name == "max") return n;
        return 0;
    }

private:
    static constexpr const char* root = "/sys/fs/cgroup";

    static bool put(const std::string& file, const std::string& text) {
        std::ofstream stream(file);
        return bool(stream << text << std::flush);
    }
    static bool enter(const std::string& group) { return put(group + "/cgroup.procs", std::to_string(::getpid())); }

    std::string before_, path_ = std::string(root) + "/tamalloc.soak." + std::to_string(::getpid()), problem_;
};

}   // namespace soak
