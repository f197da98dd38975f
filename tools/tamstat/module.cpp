// SPDX-License-Identifier: MIT
#include "module.hpp"

#include <algorithm>      // std::ranges::sort
#include <array>          // std::array
#include <cstdint>        // std::uint64_t
#include <system_error>   // std::errc, std::generic_category

#include <fcntl.h>    // AT_FDCWD
#include <unistd.h>   // access

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "exit_code.hpp"                   // Failure
#include "tamalloc/detail/proc_file.hpp"   // Descriptor
#include "tamalloc/stats.hpp"              // ProcUnits

namespace tamstat {
namespace {

std::string path_in(const std::string& procfs) { return procfs + "/tamalloc/processes"; }

std::string read_file(const std::string& path) {
    const tamalloc::detail::Descriptor file(AT_FDCWD, path.c_str(), 0);
    std::string text;
    std::array<char, 16384> buffer;
    auto got = file.read(buffer);
    for (; got > 0; got = file.read(buffer)) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0) return text;
    const std::error_code error(file.error() != 0 ? file.error() : static_cast<int>(-got), std::generic_category());
    throw Failure(code_of(error), fmt::format("{}: {}", path, error.message()));
}

// As /proc tells it, where a process starts at a whole tick.
std::uint64_t whole_ticks(std::uint64_t ns) {
    return ns - ns % (1'000'000'000 / tamalloc::detail::ProcUnits{}.ticks_per_second);
}

template<class T> Reading<T> reading(const nlohmann::json& process, const char* key) {
    const auto& value = process.at(key);
    return value.is_null() ? Reading<T>(Unread{ENODATA}) : Reading<T>(value.get<T>());
}

ProcessRow row_of(const nlohmann::json& process) {
    ProcessRow row;
    row.pid = process.at("pid").get<pid_t>();
    row.parent = reading<pid_t>(process, "parent");
    row.uid = reading<uid_t>(process, "uid");
    row.comm = reading<std::string>(process, "comm");
    row.start_ns = whole_ticks(process.at("start_ns").get<std::uint64_t>());
    row.reserved = reading<std::uint64_t>(process, "reserved");
    row.committed = reading<std::uint64_t>(process, "committed");
    row.peak_reserved = reading<std::uint64_t>(process, "peak_reserved");
    row.peak = reading<std::uint64_t>(process, "peak");
    row.swap = reading<std::uint64_t>(process, "swap");
    row.page_tables = reading<std::uint64_t>(process, "page_tables");
    row.oom_score = reading<int>(process, "oom_score");
    row.oom_score_adj = reading<int>(process, "oom_score_adj");
    return row;
}

}   // namespace

bool has_module(const std::string& procfs) { return ::access(path_in(procfs).c_str(), F_OK) == 0; }

std::vector<ProcessRow> parse_module(std::string_view json) {
    try {
        std::vector<ProcessRow> rows;
        const auto document = nlohmann::json::parse(json);
        for (const auto& process : document.at("processes")) rows.push_back(row_of(process));
        std::ranges::sort(rows, {}, &ProcessRow::pid);
        return rows;
    } catch (const nlohmann::json::exception& error) {
        throw Failure(exit_io, fmt::format("the module's list of processes: {}", error.what()));
    }
}

std::vector<ProcessRow> read_module(const std::string& procfs) { return parse_module(read_file(path_in(procfs))); }

}   // namespace tamstat
