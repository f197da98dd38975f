// SPDX-License-Identifier: MIT
//
// Much address space at once, of which more and more is used.
//
//   namespace tamalloc::detail {
//     struct Reservation;
//     template<PageSource S> std::size_t reservable(std::size_t n);
//     template<PageSource S> std::size_t next_smaller(std::size_t size, std::size_t least);
//     template<PageSource S> result<Reservation> reserve_most(const S&, std::size_t most, std::size_t least, std::size_t align);
//     template<PageSource S> result<void> make_usable(const S&, Reservation&, std::size_t n, std::size_t chunk);
//     template<PageSource S> void release(const S&, const Reservation&);
//     template<PageSource S> void zero_pages(const S&, std::byte* p, std::size_t n);
//   }
#pragma once
#include <algorithm>   // std::max, std::min
#include <cstddef>     // std::byte, std::size_t

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"      // round_up
#include "tamalloc/detail/zeroing.hpp"   // zero_in_place
#include "tamalloc/error.hpp"            // result
#include "tamalloc/page_source.hpp"      // PageSource, PurgingSource, ReservingSource

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// [data, data + usable) reads zero and may be written; the rest of [data, data + size) is taken, but not accessible.
struct Reservation {
    std::byte* data = nullptr;
    std::size_t size = 0, usable = 0;   // bytes, multiples of the granularity
};

/// \returns n rounded up to what can be reserved. Whole pages: the classes in which a source may round what it keeps are
/// too coarse, and a reservation need not end with one.
template<PageSource Source> [[nodiscard]] std::size_t reservable(std::size_t n) noexcept {
    if constexpr (ReservingSource<Source>) return round_up(n, Source::granularity());
    else return Source::rounded(n);
}

/// \requires both are reservable
/// \returns what to ask for after `size` was refused: half as much beyond `least`, which is reached in the end. So what grows
/// by a factor still does where doubling is refused.
template<PageSource Source>
[[nodiscard]] std::size_t next_smaller(std::size_t size, std::size_t least, std::size_t divisor = 2) noexcept {
    const auto next = reservable<Source>(least + (size - least) / divisor);
    return next < size ? next : least;
}

/// Gives back what reserve_most returned, whatever of it was made usable.
template<PageSource Source> void release(const Source& source, const Reservation& r) noexcept {
    if (r.data == nullptr) return;
    if constexpr (ReservingSource<Source>) source.release(r.data, r.size);
    else source.unmap(r.data, r.size);
}

// Reserved and then made usable as far as needed, where the source can: so that no more is charged, or locked by
// mlockall(2), than is used. Mapped where it cannot, or where the number of mappings has no room for two.
template<PageSource Source>
[[nodiscard]] result<Reservation> reserve_exactly(const Source& source, std::size_t size, std::size_t least,
                                                  std::size_t align) noexcept {
    if constexpr (ReservingSource<Source>) {
        const auto space = source.reserve(size, align);
        if (!space && size != least) return unexpected<std::error_code>(space.error());
        if (space) {
            if (source.commit(*space, least)) return Reservation{*space, size, least};
            source.release(*space, size);
        }
        size = Source::rounded(least);
    }
    const auto block = source.map(size, align);
    if (!block) return unexpected<std::error_code>(block.error());
    return Reservation{*block, size, size};
}

/// \requires 0 < least <= most <= PTRDIFF_MAX, align a power of two
/// \returns a reservation of `most` bytes, of which `least` are usable; to be given back with release(). Where that is
/// refused address space is short: then an eighth of what could be had, since malloc and threads need some, too; down to
/// `least`.
/// \errors what the source says to the last attempt
/// \commits no
template<PageSource Source>
[[nodiscard]] result<Reservation> reserve_most(const Source& source, std::size_t most, std::size_t least,
                                               std::size_t align) noexcept {
    least = reservable<Source>(least);
    most = std::max(reservable<Source>(most), least);
    for (auto size = most;;) {
        auto space = reserve_exactly(source, size, least, align);
        if (space && size < most && size > least) {
            release(source, *space);
            space = reserve_exactly(source, next_smaller<Source>(size, least, 8), least, align);
        }
        if (space || size == least) return space;
        size = next_smaller<Source>(size, least);
    }
}

/// Makes the first n bytes usable, and more, since each step may cost a system call: `chunk`, or half of what is usable.
/// \requires n <= size; the reservation is from an equal source
/// \errors what commit says: the reservation is as it was
/// \commits no
template<PageSource Source>
[[nodiscard]] result<void> make_usable(const Source& source, Reservation& r, std::size_t n,
                                       std::size_t chunk) noexcept {
    if (n <= r.usable) return {};
    if constexpr (ReservingSource<Source>) {   // else everything is usable
        const auto enough = reservable<Source>(n);
        const auto step = std::min(reservable<Source>(std::max(chunk, r.usable / 2)), r.size - r.usable);
        for (const auto target : {std::max(enough, r.usable + step), enough}) {
            const auto done = source.commit(r.data + r.usable, target - r.usable);
            if (done) {
                r.usable = target;
                return {};
            }
            if (target == enough) return done;
        }
    }
    return {};
}

/// Makes n bytes from p on read zero, and gives back the memory behind the whole pages where the source can.
/// \commits no
template<PageSource Source> void zero_pages(const Source& source, std::byte* p, std::size_t n) noexcept {
    if constexpr (PurgingSource<Source>) {
        if (source.purge(p, n)) return;
    }
    zero_in_place(p, p + n);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
