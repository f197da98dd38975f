// SPDX-License-Identifier: MIT
//
// What the terminal is and may be sent.
//
//   namespace tamstat {
//     enum class ColorWhen;
//     bool use_color(ColorWhen, int fd);
//     std::optional<std::size_t> terminal_width(int fd);
//   }
//
// The full screen of `top` is in screen.hpp.
#pragma once
#include <cstddef>    // std::size_t
#include <optional>   // std::optional

namespace tamstat {

/// When to send colours.
enum class ColorWhen : unsigned char { automatic, always, never };

/// \returns whether to send colours there. automatic: a terminal that is not dumb, unless NO_COLOR is set and not empty;
/// CLICOLOR_FORCE, set and not "0", stands for a terminal.
[[nodiscard]] bool use_color(ColorWhen when, int fd);

/// \returns the columns of the terminal; none where it is no terminal, or one that does not know: then nothing is cut
[[nodiscard]] std::optional<std::size_t> terminal_width(int fd);

}   // namespace tamstat
