// SPDX-License-Identifier: MIT
//
// Statistics as one line of text each, for people: to an ostream, and by std::format where that exists.
//
//   namespace tamalloc {
//     std::ostream& operator<<(std::ostream&, const ProcessStats&);    // and ProcessDetail, SystemTotals, SystemStats
//   }
//   template<> struct std::formatter<tamalloc::ProcessStats>;          // takes the options of strings
//
// A process may call itself anything: what a terminal could take for a command, and what a reader would not see, is
// shown as \xNN. The text is not an
// interface to parse. "committed" is RSS there, too, and not Linux's Committed_AS, which is called charged.
#pragma once
#include <algorithm>      // std::ranges::none_of
#include <array>          // std::array
#include <bit>            // std::countl_one
#include <charconv>       // std::to_chars
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <ostream>        // std::ostream
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <system_error>   // std::errc
#include <version>        // __cpp_lib_format
#ifdef __cpp_lib_format
#include <format>   // std::formatter
#endif

#include "tamalloc/config.hpp"
#include "tamalloc/stats.hpp"   // ProcessStats and its kin

namespace tamalloc::inline TAMALLOC_ABI {
namespace detail {

// One digit behind the point in any locale, which neither printf nor an ostream promises.
[[nodiscard]] inline std::string with_one_digit(double value) {
    std::array<char, 64> text;   // 2^64 has 20 digits
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 1);
    return error == std::errc{} ? std::string(text.data(), end) : std::string("?");
}

/// \returns as "512 B" or "1.5 GiB"
[[nodiscard]] inline std::string with_unit(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    constexpr std::array<std::string_view, 6> units{" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    constexpr double rounds_to_next = 1023.95;
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; value >= rounds_to_next && unit + 1 < units.size(); ++unit) value /= 1024;
    return with_one_digit(value).append(units[unit]);
}

[[nodiscard]] inline std::string seconds(std::uint64_t ns) {
    return with_one_digit(static_cast<double>(ns) / 1e9) + " s";
}

// What shows nothing, shows what follows differently, or is no character: controls, soft hyphen, zero width, separators
// and directions of text, surrogates, interlinear and other specials, tags; and what UTF-8 could hold above U+10FFFF.
[[nodiscard]] constexpr bool is_printable(std::uint32_t c) noexcept {
    struct Range {
        std::uint32_t first, last;
    };
    constexpr std::array<Range, 12> hidden{{{0, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x61c, 0x61c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xd800, 0xdfff},
                                            {0xfeff, 0xfeff},
                                            {0xfff0, 0xffff},
                                            {0xe0000, 0x1fffff}}};
    return std::ranges::none_of(hidden, [c](Range r) { return r.first <= c && c <= r.last; });
}

/// \returns the length of the printable character that the text starts with; 0: another, or no valid UTF-8
/// \requires the text is not empty
[[nodiscard]] constexpr std::size_t printable_prefix(std::string_view text) noexcept {
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};   // by length: what is not overlong
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto ones = static_cast<std::size_t>(std::countl_one(byte(0)));
    const std::size_t length = ones == 0 ? 1 : ones;
    if (ones == 1 || ones > 4 || length > text.size()) return 0;
    std::uint32_t c = byte(0) & (0xffU >> ones);
    for (std::size_t i = 1; i < length; ++i) {
        if (byte(i) >> 6 != 2) return 0;
        c = c << 6 | (byte(i) & 0x3fU);
    }
    return c >= least[length] && is_printable(c) ? length : 0;
}

/// \returns the text in quotes; unambiguous, and harmless to a terminal
[[nodiscard]] inline std::string quoted(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    while (!text.empty()) {
        auto length = printable_prefix(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0) {
            out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
            length = 1;
        } else {
            if (byte == '"' || byte == '\\') out += '\\';
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out + '"';
}

[[nodiscard]] inline std::string describe(const ProcessStats& s) {
    auto out = "pid " + std::to_string(s.pid);
    if (wants(s.filled, StatsField::identity))
        out += " " + quoted(s.name()) + " of uid " + std::to_string(s.uid) + ", parent " + std::to_string(s.parent);
    if (wants(s.filled, StatsField::memory))
        out += ": committed " + with_unit(s.committed) + " of reserved " + with_unit(s.reserved) + " (" +
               with_one_digit(s.percentage()) + " %)";
    if (wants(s.filled, StatsField::detail))
        out += ", peaks " + with_unit(s.peak) + " and " + with_unit(s.peak_reserved) + ", swap " + with_unit(s.swap) +
               ", page tables " + with_unit(s.page_tables);
    if (wants(s.filled, StatsField::oom))
        out += ", oom score " + std::to_string(s.oom_score) + ", adj " + std::to_string(s.oom_score_adj);
    return out;
}

[[nodiscard]] inline std::string describe(const ProcessDetail& d) {
    return describe(d.base) + ", pss " + with_unit(d.pss) + ", private dirty " + with_unit(d.private_dirty) +
           ", lazy free " + with_unit(d.lazy_free) + ", huge pages " + with_unit(d.anon_huge);
}

[[nodiscard]] inline std::string describe(const SystemTotals& t) {
    return std::to_string(t.processes) + " processes: committed " + with_unit(t.committed) + " of reserved " +
           with_unit(t.reserved) + "; charged " + with_unit(t.charged) + " of " + with_unit(t.charge_limit) +
           "; available " + with_unit(t.available) + " of RAM " + with_unit(t.ram) + "; swap " + with_unit(t.swap);
}

[[nodiscard]] inline std::string describe(const SystemStats& s) {
    return "memory: used " + with_unit(s.memory.used) + " of " + with_unit(s.memory.total) + ", free " +
           with_unit(s.memory.free) + ", available " + with_unit(s.memory.available) + "; cpu: user " +
           seconds(s.cpu.user) + ", system " + seconds(s.cpu.system) + ", idle " + seconds(s.cpu.idle) +
           "; disk: free " + with_unit(s.disk.free) + " of " + with_unit(s.disk.total) + ", available " +
           with_unit(s.disk.available);
}

}   // namespace detail

/// \effects writes one line without its end; width and fill apply to the whole. Linear in its length; threads: as of the stream.
/// \throws what the stream throws, and std::bad_alloc
/// \commits no: what the line needs of the heap
/// @{
inline std::ostream& operator<<(std::ostream& out, const ProcessStats& s) { return out << detail::describe(s); }
inline std::ostream& operator<<(std::ostream& out, const ProcessDetail& d) { return out << detail::describe(d); }
inline std::ostream& operator<<(std::ostream& out, const SystemTotals& t) { return out << detail::describe(t); }
inline std::ostream& operator<<(std::ostream& out, const SystemStats& s) { return out << detail::describe(s); }
/// @}

#ifdef __cpp_lib_format
namespace detail {

// A member, not a base: without set_debug_format, ranges of lines do not quote them.
template<class T> class LineFormatter {
public:
    constexpr auto parse(std::format_parse_context& context) { return line_.parse(context); }
    template<class Context> auto format(const T& value, Context& context) const {
        return line_.format(describe(value), context);
    }

private:
    std::formatter<std::string_view> line_;
};

}   // namespace detail
#endif

}   // namespace tamalloc::inline TAMALLOC_ABI

#ifdef __cpp_lib_format
template<> struct std::formatter<tamalloc::ProcessStats> : tamalloc::detail::LineFormatter<tamalloc::ProcessStats> {};
template<> struct std::formatter<tamalloc::ProcessDetail> : tamalloc::detail::LineFormatter<tamalloc::ProcessDetail> {};
template<> struct std::formatter<tamalloc::SystemTotals> : tamalloc::detail::LineFormatter<tamalloc::SystemTotals> {};
template<> struct std::formatter<tamalloc::SystemStats> : tamalloc::detail::LineFormatter<tamalloc::SystemStats> {};
#endif
