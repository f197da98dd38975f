// SPDX-License-Identifier: MIT
#include "process_tree.hpp"

#include <algorithm>     // std::ranges::find
#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <string>        // std::string
#include <string_view>   // std::string_view

#include <fcntl.h>   // AT_FDCWD, O_DIRECTORY

#include <fmt/format.h>   // fmt::format

#include "tamalloc/detail/proc_file.hpp"   // Descriptor, for_each_id

namespace tamstat {
namespace {

using tamalloc::detail::Descriptor;

std::string contents(const Descriptor& file) {
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
        const auto got = file.read(buffer);
        if (got <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

// Each thread lists the processes that it has started.
void add_children(const std::string& process, std::vector<pid_t>& all) {
    const Descriptor tasks(AT_FDCWD, fmt::format("/proc/{}/task", process).c_str(), O_DIRECTORY);
    if (tasks.error() != 0) return;   // it has ended
    // NOLINTNEXTLINE(bugprone-unused-return-value): what has ended meanwhile has no children
    (void)tamalloc::detail::for_each_id(tasks.get(), [&](pid_t thread) {
        const auto text = contents({tasks.get(), fmt::format("{}/children", thread).c_str(), 0});
        std::string_view rest = text;
        for (pid_t child = 0; tamalloc::detail::take_number(rest, child);)
            if (std::ranges::find(all, child) == all.end()) all.push_back(child);
        return true;
    });
}

}   // namespace

std::vector<pid_t> descendants() {
    std::vector<pid_t> all;
    add_children("self", all);   // not by getpid(): this /proc may be that of an outer pid namespace
    for (std::size_t i = 0; i < all.size(); ++i) add_children(std::to_string(all[i]), all);
    return all;
}

}   // namespace tamstat
