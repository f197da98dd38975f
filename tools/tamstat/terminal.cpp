// SPDX-License-Identifier: MIT
#include "terminal.hpp"

#include <cstdlib>       // std::getenv
#include <string_view>   // std::string_view

#include <sys/ioctl.h>   // ioctl, TIOCGWINSZ, winsize
#include <unistd.h>      // isatty

namespace tamstat {

namespace {

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);   // NOLINT(concurrency-mt-unsafe): nobody changes it
    return value == nullptr ? std::string_view() : value;
}

}   // namespace

bool use_color(ColorWhen when, int fd) {
    if (when != ColorWhen::automatic) return when == ColorWhen::always;
    if (!variable("NO_COLOR").empty()) return false;
    const auto force = variable("CLICOLOR_FORCE");
    if (!force.empty() && force != "0") return true;
    const auto term = variable("TERM");
    return ::isatty(fd) != 0 && !term.empty() && term != "dumb";
}

std::optional<std::size_t> terminal_width(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
    return size.ws_col;
}

}   // namespace tamstat
