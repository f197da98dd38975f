// SPDX-License-Identifier: MIT
//
// Text of strangers on a terminal: made harmless, measured, cut and padded.
//
//   namespace tamstat {
//     enum class Alphabet;
//     std::string escaped(std::string_view, Alphabet = Alphabet::locale);
//     std::size_t display_width(std::string_view);
//     std::string cut_to(std::size_t width, std::string_view, Alphabet = Alphabet::locale);
//     bool unicode();
//   }
//
// What is a character, and how wide, is the locale's to say: main() calls setlocale(LC_CTYPE, "") first. Without that, and
// in the C locale, all but ASCII is escaped. Any thread, while nobody changes the locale.
#pragma once
#include <cstddef>       // std::size_t
#include <string>        // std::string
#include <string_view>   // std::string_view

namespace tamstat {

/// What may be shown: every character of the locale, or only what any terminal has.
enum class Alphabet : unsigned char { locale, ascii };

/// \returns the text with \xNN for each byte of what a terminal might obey or misread: control characters (C0, DEL, C1),
/// what turns the direction of writing or is invisible, what is no character in the locale. Other characters stay, the
/// backslash also; so to escape twice is to escape once.
[[nodiscard]] std::string escaped(std::string_view text, Alphabet alphabet = Alphabet::locale);

/// \requires the text was escaped
/// \returns how many columns of a terminal it takes
[[nodiscard]] std::size_t display_width(std::string_view text);

/// \requires the text was escaped
/// \returns the text, or where it is wider, its beginning and an ellipsis, or "+" in ASCII, in at most `width` columns: a
/// character that is two columns wide is not cut in half
[[nodiscard]] std::string cut_to(std::size_t width, std::string_view text, Alphabet alphabet = Alphabet::locale);

/// \returns whether the locale's characters are those of Unicode: bars may be drawn with block elements
[[nodiscard]] bool unicode();

}   // namespace tamstat
