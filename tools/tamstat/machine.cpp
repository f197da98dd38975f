// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <array>     // std::array
#include <cerrno>    // EINVAL, ENOENT
#include <cstdlib>   // std::strtod
#include <span>      // std::span

#include <fcntl.h>         // AT_FDCWD
#include <sys/utsname.h>   // uname

#include "tamalloc/detail/proc_file.hpp"   // Descriptor, Figure, LineReader, read_figures, take_number

namespace tamstat {
namespace {

using tamalloc::detail::Descriptor;
using tamalloc::detail::Figure;
using tamalloc::detail::LineReader;

Unread why(std::error_code error) { return {error.category() == std::system_category() ? error.value() : EINVAL}; }

// Calls f(line) for each line, until it returns false.
template<class F> std::error_code for_each_line(const std::string& path, F f) {
    const Descriptor file(AT_FDCWD, path.c_str(), 0);
    if (file.error() != 0) return {file.error(), std::system_category()};
    LineReader lines(file);
    for (std::string_view line; lines.next(line) && f(line);) {
    }
    return lines.error();
}

// "some avg10=0.12 avg60=..."
bool take_average(std::string_view line, std::string_view key, double& share) {
    constexpr std::string_view average = " avg10=";
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(average)) return false;
    const std::string number(line.substr(key.size() + average.size()));
    char* end = nullptr;
    share = std::strtod(number.c_str(), &end) / 100;
    return end != number.c_str();
}

}   // namespace

Reading<std::string> first_line(const std::string& path) {
    std::string text;
    const auto error = for_each_line(path, [&](std::string_view line) {
        text = line;
        return false;
    });
    if (error) return why(error);
    return text;
}

Reading<std::uint64_t> number_in(const std::string& path) {
    const auto line = first_line(path);
    if (!line) return line.why();
    std::string_view text = *line;
    std::uint64_t number = 0;
    if (!tamalloc::detail::take_number(text, number)) return Unread{EINVAL};
    return number;
}

Reading<std::uint64_t> meminfo(const std::string& procfs, std::string_view key) {
    std::array<Figure, 1> figure{{{key, true}}};
    const auto error = tamalloc::detail::read_figures({AT_FDCWD, (procfs + "/meminfo").c_str(), 0}, figure);
    if (error) return why(error);
    if (!figure[0].found) return Unread{ENOENT};
    return figure[0].value;
}

Reading<Pressure> pressure(const std::string& procfs, std::string_view resource) {
    Pressure result;
    bool some = false;
    const auto error = for_each_line(procfs + "/pressure/" + std::string(resource), [&](std::string_view line) {
        some = take_average(line, "some", result.some) || some;
        (void)take_average(line, "full", result.full);
        return true;
    });
    if (error) return why(error);
    if (!some) return Unread{EINVAL};
    return result;
}

std::string kernel_release(const std::string& procfs) {
    if (const auto release = first_line(procfs + "/sys/kernel/osrelease")) return *release;
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "unknown";
}

Reading<std::uint64_t> max_map_count(const std::string& procfs) { return number_in(procfs + "/sys/vm/max_map_count"); }

}   // namespace tamstat
