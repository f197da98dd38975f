// SPDX-License-Identifier: MIT
//
// What the elements of an object have to be: zero, but for what was written.
//
//   namespace soak {
//     using Element = std::uint64_t;
//     struct Fault;   // an element that is another
//     class Model;    // what was written
//   }
#pragma once
#include <algorithm>   // std::copy_backward, std::max, std::min
#include <array>       // std::array
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint64_t
#include <optional>    // std::optional
#include <span>        // std::as_bytes, std::span

#include "support.hpp"              // page
#include "tamalloc/zero_init.hpp"   // all_zero

namespace soak {

using Element = std::uint64_t;

struct Fault {
    std::size_t index;
    Element found, expected;
};

/// Ranges of elements in order, each with the values that it was given. Allocates nothing: it is asked in children of a
/// process with threads, and changed where memory is refused.
class Model {
public:
    /// \returns whether one more range can be written or taken away
    [[nodiscard]] bool has_room() const { return count_ + 2 <= written_.size(); }
    /// \returns bytes: no more than that are in memory for what was written
    [[nodiscard]] std::size_t resident() const {
        std::size_t bytes = 0;
        for (const auto& range : ranges()) bytes += (range.last - range.first) * sizeof(Element) + 2 * support::page;
        return bytes;
    }

    /// Gives the elements [first, last) other values than any before.
    /// \requires has_room()
    void write(std::span<Element> elements, std::size_t first, std::size_t last, Element seed) {
        forget(first, last);
        std::size_t at = 0;
        while (at != count_ && written_[at].first < first) ++at;
        insert(at, {first, last, seed});
        for (auto i = first; i != last; ++i) elements[i] = value(seed, i);
    }
    /// The elements [first, last) are zero again, or gone.
    /// \requires has_room()
    void forget(std::size_t first, std::size_t last) {
        std::size_t kept = 0;
        std::optional<Range> behind;
        for (std::size_t i = 0; i != count_; ++i) {
            auto range = written_[i];
            if (range.first < last && last < range.last) behind = Range{last, range.last, range.seed};
            if (range.first < last && first < range.last) range.last = std::max(range.first, first);
            if (range.first >= first && range.last <= range.first) continue;   // nothing is left of it
            written_[kept++] = range;
        }
        count_ = kept;
        if (!behind) return;
        std::size_t at = 0;
        while (at != count_ && written_[at].first < last) ++at;
        insert(at, *behind);
    }
    void forget_all() { count_ = 0; }

    /// \returns the first of the elements [first, last) that is not what it has to be
    [[nodiscard]] std::optional<Fault> check(std::span<const Element> elements, std::size_t first,
                                             std::size_t last) const {
        for (const auto& range : ranges()) {
            if (range.last <= first) continue;
            if (range.first >= last) break;
            if (const auto fault = check_zero(elements, first, std::max(first, range.first))) return fault;
            for (auto i = std::max(first, range.first); i != std::min(last, range.last); ++i)
                if (elements[i] != value(range.seed, i)) return Fault{i, elements[i], value(range.seed, i)};
            first = std::min(last, range.last);
        }
        return check_zero(elements, first, last);
    }

private:
    struct Range {
        std::size_t first, last;
        Element seed;
    };

    // Of the place, too, so that elements that have moved are found; never zero.
    [[nodiscard]] static Element value(Element seed, std::size_t i) { return (seed + i * 0x9E37'79B9'7F4A'7C15) | 1; }

    [[nodiscard]] static std::optional<Fault> check_zero(std::span<const Element> elements, std::size_t first,
                                                         std::size_t last) {
        if (tamalloc::all_zero(std::as_bytes(elements.subspan(first, last - first)))) return {};
        while (elements[first] == 0) ++first;
        return Fault{first, elements[first], 0};
    }

    [[nodiscard]] std::span<const Range> ranges() const { return {written_.data(), count_}; }
    void insert(std::size_t at, const Range& range) {
        auto* const place = written_.data() + at;
        std::copy_backward(place, written_.data() + count_, written_.data() + count_ + 1);
        *place = range;
        ++count_;
    }

    std::array<Range, 48> written_{};
    std::size_t count_ = 0;
};

}   // namespace soak
