// SPDX-License-Identifier: MIT
// Hazard: a condition from the command line or from a script that crashes the parser, is read beyond its end, or is accepted
// and then evaluated otherwise the second time.
#include "filter.hpp"

#include <algorithm>     // std::ranges::count
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint8_t
#include <cstdlib>       // std::abort
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view

using tamstat::Filter;
using tamstat::Kind;
using tamstat::Value;

namespace {

std::optional<Kind> kind_of(std::string_view column) {
    if (column == "reserved" || column == "growth") return Kind::bytes;
    if (column == "pid") return Kind::count;
    if (column == "fill") return Kind::ratio;
    if (column == "comm" || column == "user") return Kind::text;
    return std::nullopt;
}

Value value_of(std::string_view column) {
    if (column == "reserved") return std::uint64_t{1} << 40U;
    if (column == "growth") return std::int64_t{-1};
    if (column == "pid") return std::uint64_t{1};
    if (column == "fill") return 0.05;
    if (column == "comm")
        return std::string("no\xff"
                           "de");
    return tamstat::Unread{13};
}

void require(bool condition) {
    if (!condition) std::abort();
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // What these take is the C library's affair: each + of a nest doubles the compiled pattern, { multiplies it, and a back
    // reference is searched for in every way, regcomp(3).
    if (text.find_first_of("{\\") != std::string_view::npos || std::ranges::count(text, '+') > 8) return 0;
    const auto filter = Filter::parse(text, kind_of);
    if (!filter) {
        require(filter.error().position <= size);
        require(filter.error().text().find('\x1b') == std::string::npos);
        return 0;
    }
    const bool first = (*filter)(value_of);
    require((*filter)(value_of) == first);
    // Each of the two may be unknown, but not both true.
    const auto negated = Filter::parse("not (" + std::string(text) + ")", kind_of);
    if (negated) require(!(first && (*negated)(value_of)));
    return 0;
}
