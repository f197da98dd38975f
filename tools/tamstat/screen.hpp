// SPDX-License-Identifier: MIT
//
// The full screen of `top`, given back as it was whatever ends the program.
//
//   namespace tamstat {
//     struct Event;
//     class Screen;
//   }
#pragma once
#include <chrono>    // std::chrono::steady_clock
#include <csignal>   // sigset_t
#include <cstddef>   // std::size_t
#include <memory>    // std::unique_ptr
#include <vector>    // std::vector

#include "table.hpp"   // Line

namespace tamstat {

/// What happened while waiting.
struct Event {
    enum class What : unsigned char { time, key, redraw };   // redraw: the size has changed, or the screen was away
    What what = What::time;
    int key = 0;   // a byte, or one of Screen::Key
};

/// One at a time in a process. While it exists the signals INT, TERM, HUP, QUIT, TSTP, CONT and WINCH are blocked and taken
/// in wait(): the first four give the terminal back and end the program as they would have without it, TSTP gives it back
/// until CONT. A crash gives it back as well.
class Screen {
public:
    enum Key : int { up = 0x100, down, page_up, page_down, home, end, enter, escape, backspace };

    /// \returns none where there is no terminal, or one that cannot do this: TERM unset, unknown or dumb
    [[nodiscard]] static std::unique_ptr<Screen> open(bool color);

    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen();

    [[nodiscard]] std::size_t width() const;
    [[nodiscard]] std::size_t height() const;

    /// \effects shows the lines, escaped, as many as there is room for, cut at the right
    void show(const std::vector<Line>& picture) const;

    /// \returns the next key, or that it is time, or that all must be drawn again
    [[nodiscard]] Event wait(std::chrono::steady_clock::time_point until);

private:
    Screen(const sigset_t& mask, int signals, bool color) : mask_(mask), signals_(signals), color_(color) {}

    [[nodiscard]] Event take_signal() const;

    sigset_t mask_;   // as it was before
    int signals_;     // a signalfd
    bool color_;
};

}   // namespace tamstat
