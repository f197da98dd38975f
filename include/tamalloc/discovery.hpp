// SPDX-License-Identifier: MIT
//
// Which back-end pages come from in this process, and why.
//
//   namespace tamalloc {
//     enum class Backend;
//     struct BackendInfo;
//     BackendInfo backend() noexcept;
//   }
//
// A patched kernel tells the numbers of its system calls; no other number is ever called. They are looked for once in a
// process, at the first use of either. The environment variable TAMALLOC_BACKEND says what for:
//   auto      the default: the calls where there are any, else mmap(2) and /proc
//   mmap      no tamalloc call at all, for statistics neither
//   syscall   as auto; backend() says plainly if there is none
// Anything else is as auto, and backend() says so.
// A program with more privileges than its user (secure_getenv(3)) takes no notice of it.
#pragma once
#include <array>         // std::array
#include <atomic>        // std::atomic
#include <cerrno>        // ENOSYS, EPERM
#include <cstddef>       // std::size_t
#include <cstdint>       // std::intptr_t
#include <string_view>   // std::string_view

#include "tamalloc/config.hpp"
#include "tamalloc/detail/call_numbers.hpp"   // CallGroup, find_calls, Why, Wish

namespace tamalloc::inline TAMALLOC_ABI {

/// Where pages come from.
enum class Backend : unsigned char {
    mmap,     // mmap(2): every Linux
    kernel,   // the tamalloc system calls of a patched kernel
};

/// What backend() answers.
struct BackendInfo {
    Backend backend;           // the one in use
    std::string_view reason;   // one English clause, static
};

namespace detail {

// Nothing waits for anybody: threads that come first at the same time all look, and the first to be done is believed. So
// a child that is forked meanwhile finds no lock that nobody holds.
inline constinit std::atomic<CallGroup> memory_calls_found{}, statistics_calls_found{};

inline void publish(std::atomic<CallGroup>& where, const CallGroup& calls) noexcept {
    CallGroup none{};
    where.compare_exchange_strong(none, calls, std::memory_order_relaxed);
}

[[nodiscard, gnu::cold, gnu::noinline]] inline CallGroup look_for(std::atomic<CallGroup>& wanted) noexcept {
    const auto found = find_calls();
    publish(memory_calls_found, found.memory);
    publish(statistics_calls_found, found.statistics);
    return wanted.load(std::memory_order_relaxed);
}

[[nodiscard]] inline CallGroup known(std::atomic<CallGroup>& wanted) noexcept {
    if constexpr (TAMALLOC_NO_SYSCALL != 0) {
        return {.why = Why::compiled_out};
    } else {
        const auto calls = wanted.load(std::memory_order_relaxed);
        return calls.why == Why::not_looked ? look_for(wanted) : calls;
    }
}

/// \returns the calls for memory and those for statistics, to be used where usable()
[[nodiscard]] inline CallGroup memory_calls() noexcept { return known(memory_calls_found); }
[[nodiscard]] inline CallGroup statistics_calls() noexcept { return known(statistics_calls_found); }

/// For calls that are refused since.
inline void withdraw(std::atomic<CallGroup>& where) noexcept {
    const auto wish = where.load(std::memory_order_relaxed).wish;
    where.store({.why = Why::withdrawn, .wish = wish}, std::memory_order_relaxed);
}

/// \returns whether the call that answered so is refused for good, as by a seccomp filter that was installed later. Then
/// its group is taken back.
// EPERM may be about this one question (a security module, a sealed mapping, vm.tamstat_scope); the trial tells.
template<class Try>
[[nodiscard, gnu::cold, gnu::noinline]] bool taken_back(std::atomic<CallGroup>& where, const CallGroup& calls,
                                                        std::intptr_t answer, Try try_group) noexcept {
    if (answer != -ENOSYS && (answer != -EPERM || try_group(calls, calls.why) == calls.why)) return false;
    withdraw(where);
    return true;
}

// Static text made of two parts.
class Reason {
public:
    constexpr void append(std::string_view part) {
        for (const char c : part) text_.at(size_++) = c;
    }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return {text_.data(), size_}; }

private:
    std::array<char, 160> text_{};
    std::size_t size_ = 0;
};

inline constexpr std::array<std::string_view, 12> whys{
    "not looked for",
    "compiled with TAMALLOC_NO_SYSCALL",
    "TAMALLOC_BACKEND=mmap",
    "this kernel has no tamalloc system calls",
    "prctl(2) is refused and sysfs does not tell the numbers of the tamalloc system calls",
    "the tamalloc interface of this kernel has a version that is not known here",
    "this kernel has only some of the tamalloc system calls",
    "the tamalloc system calls are refused, as by a seccomp filter",
    "a number that was told for a tamalloc system call belongs to another call",
    "the tamalloc system calls worked at first and are refused since",
    "prctl(2) told the numbers of the tamalloc system calls",
    "sysfs told the numbers of the tamalloc system calls",
};
static_assert(whys.size() == static_cast<std::size_t>(Why::by_sysfs) + 1);

inline constexpr auto reasons = [] {
    std::array<std::array<Reason, whys.size()>, 4> all{};
    for (std::size_t wish = 0; wish != all.size(); ++wish) {
        for (std::size_t why = 0; why != whys.size(); ++why) {
            auto& reason = all.at(wish).at(why);
            const bool usable = CallGroup{.why = static_cast<Why>(why)}.usable();
            if (static_cast<Wish>(wish) == Wish::unknown)
                reason.append("TAMALLOC_BACKEND is not auto, mmap or syscall; ");
            if (static_cast<Wish>(wish) == Wish::syscall && !usable) reason.append("TAMALLOC_BACKEND=syscall, but ");
            reason.append(whys.at(why));
        }
    }
    return all;
}();

[[nodiscard]] constexpr std::string_view reason_of(const CallGroup& calls) noexcept {
    return reasons.at(static_cast<std::size_t>(calls.wish)).at(static_cast<std::size_t>(calls.why)).text();
}

}   // namespace detail

/// \returns the back-end of this process and why it is that one. The same at every call, unless the kernel's calls are
/// refused later on: then mmap. Constant time, any thread; the first use makes some system calls and leaves errno alone.
/// \commits no
[[nodiscard]] inline BackendInfo backend() noexcept {
    const auto calls = detail::memory_calls();
    return {calls.usable() ? Backend::kernel : Backend::mmap, detail::reason_of(calls)};
}

}   // namespace tamalloc::inline TAMALLOC_ABI
