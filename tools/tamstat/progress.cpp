// SPDX-License-Identifier: MIT
#include "progress.hpp"

#include <cstdio>    // std::fputs, stderr
#include <utility>   // std::move

#include <fmt/format.h>   // fmt::format
#include <unistd.h>       // isatty

namespace tamstat {

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), next_(Clock::now() + std::chrono::seconds(1)),
      enabled_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
    if (shown_) std::fputs(("\r" + std::string(what_.size() + 24, ' ') + "\r").c_str(), stderr);
}

void Progress::at(std::uint64_t done) {
    if (!enabled_) return;
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(200);   // five times a second are enough for the eye
    shown_ = true;
    const auto percent = total_ == 0 ? 0 : 100 * static_cast<double>(done) / static_cast<double>(total_);
    const auto text =
        total_ == 0 ? fmt::format("\r{}: {} ", what_, done) : fmt::format("\r{}: {:.0f} % ", what_, percent);
    std::fputs(text.c_str(), stderr);
}

}   // namespace tamstat
