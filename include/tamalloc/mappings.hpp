// SPDX-License-Identifier: MIT
//
// What the address space of a process is made of, from /proc/PID/smaps.
//
//   namespace tamalloc {
//     enum class MappingKind;  struct Mapping;                        // mappings/records.hpp
//     class MappingView;                                              // an input range of Mapping
//     result<MappingView> mappings(pid_t = 0, const char* procfs = "/proc");
//   }
//
// The kernel walks over the pages of each mapping as iteration gets there, in time proportional to what is in memory, with the memory
// map of the process locked for a batch of mappings at a time. So this is no snapshot, and breaking off saves the rest.
#pragma once
#include <cstddef>        // std::ptrdiff_t
#include <cstdint>        // std::uint64_t
#include <iterator>       // std::default_sentinel_t, std::input_iterator_tag
#include <memory>         // std::make_shared, std::shared_ptr
#include <optional>       // std::optional
#include <ranges>         // std::ranges::view_interface
#include <system_error>   // std::error_code
#include <utility>        // std::move

#include "tamalloc/config.hpp"
#include "tamalloc/detail/procfs.hpp"      // Procfs
#include "tamalloc/detail/smaps.hpp"       // ProcessMappings, directory_with_memory, zero_mapped_bytes
#include "tamalloc/error.hpp"              // result
#include "tamalloc/mappings/records.hpp"   // Mapping, MappingKind

namespace tamalloc::inline TAMALLOC_ABI {

/// The mappings of one process by increasing address, without vsyscall, which is the kernel's; none of a zombie and of a
/// kernel thread. Each begin() reads them anew. Copies share one state, in which iteration leaves its error: for one thread
/// at a time. Keeps a descriptor open, which the kernel ties to the one process. Constant time where not said otherwise.
/// \commits no
class MappingView : public std::ranges::view_interface<MappingView> {
public:
    class Iterator;

    /// Empty, or as mappings() makes it.
    /// \throws std::bad_alloc, if not empty
    /// @{
    MappingView() = default;
    explicit MappingView(detail::Descriptor directory) : state_(std::make_shared<State>(std::move(directory))) {}
    /// @}

    /// \effects reads the first mapping; proportional to its pages in memory
    /// \throws std::bad_alloc
    /// \commits no
    [[nodiscard]] Iterator begin() const;
    /// \returns what an iterator at the end is equal to
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    /// \returns what ended the latest iteration before the last mapping: EACCES for another user's process,
    /// errc::no_such_process where it ended, errc::unsupported, errc::malformed_procfs and the like. No error: it got to the
    /// end.
    [[nodiscard]] std::error_code error() const noexcept {
        return state_ == nullptr ? std::error_code() : state_->error;
    }

    /// \returns the bytes between two addresses that are read from the kernel's shared zero page: page tables, no memory
    /// \errors errc::unsupported: before Linux 6.7; EACCES for another user's process; errc::no_such_process and the like
    /// Proportional to the pages present; allocates nothing.
    /// \commits no
    [[nodiscard]] result<std::uint64_t> zero_mapped(std::uint64_t first, std::uint64_t last) const noexcept {
        if (state_ == nullptr) return std::uint64_t{0};
        auto& memory = state_->memory;
        if (!memory) memory.emplace(detail::directory_with_memory(state_->directory));
        return detail::zero_mapped_bytes(*memory, first, last);
    }

private:
    struct State {
        explicit State(detail::Descriptor&& d) noexcept : directory(std::move(d)) {}

        detail::Descriptor directory;
        std::optional<detail::Descriptor> memory;   // of a thread that lives: opened when it is needed
        std::error_code error;
    };

    std::shared_ptr<State> state_;
};

/// Single-pass, and its copies advance together. What it refers to is valid until the next ++; may outlive the view.
/// Constant time where not said otherwise; for one thread at a time.
/// \commits no
class MappingView::Iterator {
public:
    /// As std wants of an input iterator. ++ goes on to the next mapping: proportional to its pages in memory.
    /// \throws ++: std::bad_alloc
    /// @{
    using iterator_concept = std::input_iterator_tag;
    using value_type = Mapping;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;

    [[nodiscard]] const Mapping& operator*() const noexcept { return walk_->mapping; }
    [[nodiscard]] const Mapping* operator->() const noexcept { return &walk_->mapping; }
    Iterator& operator++() {
        walk_->advance();
        return *this;
    }
    void operator++(int) { ++*this; }

    [[nodiscard]] friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept {
        return i.walk_ == nullptr || i.walk_->at_end;
    }
    /// @}

private:
    friend MappingView;

    struct Walk {
        explicit Walk(std::shared_ptr<State> s) : state(std::move(s)), mappings(state->directory) { advance(); }
        void advance() {
            at_end = !mappings.next(mapping);
            state->error = mappings.error();
        }

        std::shared_ptr<State> state;
        detail::ProcessMappings mappings;
        Mapping mapping;
        bool at_end = false;
    };

    explicit Iterator(std::shared_ptr<Walk> walk) noexcept : walk_(std::move(walk)) {}

    std::shared_ptr<Walk> walk_;
};

inline MappingView::Iterator MappingView::begin() const {
    return state_ == nullptr ? Iterator() : Iterator(std::make_shared<Iterator::Walk>(state_));
}

/// \returns a view of the mappings of a process, 0 being the caller. Keep the result in a variable: where __cpp_range_based_for is
/// below 202211, as with g++ 12 in C++23, too, the loop `for (auto& m : *mappings())` walks over what is destroyed already.
/// \errors errc::no_such_process, also for the id of a thread; ENOENT: no procfs there; EMFILE and the like. What goes wrong
/// later ends the range: MappingView::error.
/// \throws std::bad_alloc
/// Constant time, any thread; the files are read by iteration.
/// \commits no
[[nodiscard]] inline result<MappingView> mappings(pid_t pid = 0, const char* procfs = "/proc") {
    const auto root = detail::Procfs::open(procfs);
    if (!root) return unexpected<std::error_code>(root.error());
    auto directory = root->directory_of(pid);
    if (!directory) return unexpected<std::error_code>(directory.error());
    return MappingView(std::move(*directory));
}

}   // namespace tamalloc::inline TAMALLOC_ABI

// An iterator shares the state, so it stays what it is when the view is gone.
template<> inline constexpr bool std::ranges::enable_borrowed_range<tamalloc::MappingView> = true;
