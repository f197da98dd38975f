// SPDX-License-Identifier: MIT
//
// What stands in a cell: a value, or why there is none. Unreadable is never 0.
//
//   namespace tamstat {
//     struct Unread;                      // why there is no value
//     bool is_denial(Unread);
//     std::string_view error_name(int);   // "EACCES"
//     template<class T> class Reading;    // a T, or Unread
//     using Value = std::variant<Unread, std::uint64_t, std::int64_t, double, std::string>;
//   }
#pragma once
#include <cerrno>        // EACCES, EPERM
#include <cstdint>       // std::int64_t, std::uint64_t
#include <cstring>       // strerrorname_np
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move
#include <variant>       // std::variant

namespace tamstat {

/// Stands for an errno where --budget did not allow to read something.
inline constexpr int budget_spent = -1;

/// Why there is no value.
struct Unread {
    int error = 0;   // errno, or budget_spent; 0: nobody asked for it, or there is no such thing

    friend bool operator==(const Unread&, const Unread&) = default;
};

/// \returns whether the kernel says that somebody may not read it; EPERM is hidepid's
[[nodiscard]] inline bool is_denial(Unread why) noexcept { return why.error == EACCES || why.error == EPERM; }

/// \returns the name of an errno, static; "budget"
[[nodiscard]] inline std::string_view error_name(int error) noexcept {
    if (error == budget_spent) return "budget";
    const char* const name = ::strerrorname_np(error);
    return name == nullptr ? "unknown" : name;
}

/// A value that was read, or why it was not.
template<class T> class Reading {
public:
    Reading() = default;
    Reading(T value) : value_(std::move(value)) {}   // NOLINT(*-explicit-*): a value is a reading
    Reading(Unread why) : why_(why) {}               // NOLINT(*-explicit-*)

    explicit operator bool() const noexcept { return value_.has_value(); }
    /// \requires there is a value
    const T& operator*() const noexcept { return *value_; }     // NOLINT(bugprone-unchecked-optional-access)
    const T* operator->() const noexcept { return &*value_; }   // NOLINT(bugprone-unchecked-optional-access)
    /// \requires there is none
    [[nodiscard]] Unread why() const noexcept { return why_; }
    [[nodiscard]] T value_or(T otherwise) const { return value_.value_or(std::move(otherwise)); }

private:
    std::optional<T> value_;
    Unread why_;
};

/// A cell before it is formatted: bytes and counts unsigned, what may be below zero signed, a share of 1 as double (5 % is
/// 0.05), text as raw bytes.
using Value = std::variant<Unread, std::uint64_t, std::int64_t, double, std::string>;

}   // namespace tamstat
