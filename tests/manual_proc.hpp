// SPDX-License-Identifier: MIT
//
// An independent reader of /proc, slow and trusting: as the manual says.
//
//   namespace support {
//     class Manual;                                   // the files of one process
//     std::uint64_t machine_bytes(std::string_view);  // a line of /proc/meminfo
//   }
#pragma once
#include <cstdint>       // std::uint64_t
#include <fstream>       // std::ifstream
#include <iterator>      // std::istreambuf_iterator
#include <map>           // std::map
#include <sstream>       // std::istringstream
#include <string>        // std::string
#include <string_view>   // std::string_view

#include <unistd.h>   // sysconf

namespace support {

class Manual {
public:
    explicit Manual(pid_t pid) : directory_("/proc/" + std::to_string(pid) + "/") {
        std::ifstream file(directory_ + "status");
        for (std::string line; std::getline(file, line);)
            if (const auto colon = line.find(':'); colon != std::string::npos)
                status_[line.substr(0, colon)] = line.substr(colon + 1);
    }
    [[nodiscard]] std::uint64_t kib(const char* key) const {
        const auto line = status_.find(key);
        return line == status_.end() ? 0 : std::stoull(line->second) * 1024;
    }
    [[nodiscard]] long number(const char* key) const { return std::stol(status_.at(key)); }
    [[nodiscard]] char state() const { return status_.at("State").at(1); }
    [[nodiscard]] long file(const char* name) const {
        long value = -1;
        std::ifstream(directory_ + name) >> value;
        return value;
    }
    [[nodiscard]] std::string name() const {
        std::ifstream file(directory_ + "comm");
        const std::string text(std::istreambuf_iterator<char>(file), {});
        return text.substr(0, text.size() - 1);
    }
    /// \returns a field of `stat` behind the name, numbered as in proc_pid_stat(5)
    [[nodiscard]] std::uint64_t stat(int number) const {
        std::ifstream file(directory_ + "stat");
        const std::string text(std::istreambuf_iterator<char>(file), {});
        const auto comm = "(" + name() + ") ";
        std::istringstream fields(text.substr(text.find(comm) + comm.size()));
        std::string field;
        for (int i = 3; i <= number; ++i) fields >> field;
        return std::stoull(field);
    }
    [[nodiscard]] std::uint64_t start_ns() const {
        return stat(22) * (1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
    }

private:
    std::string directory_;
    std::map<std::string, std::string> status_;
};

inline std::uint64_t machine_bytes(std::string_view wanted) {
    std::ifstream file("/proc/meminfo");
    for (std::string key, rest; file >> key && std::getline(file, rest);)
        if (key == wanted) return std::stoull(rest) * 1024;
    return 0;
}

}   // namespace support
