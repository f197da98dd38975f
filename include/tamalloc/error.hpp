// SPDX-License-Identifier: MIT
//
// How the library says that something went wrong: values in sources and queries, exceptions where std demands them.
//
//   namespace tamalloc {
//     enum class errc;
//     const std::error_category& category() noexcept;
//     std::error_code make_error_code(errc) noexcept;
//     template<class T = void> using result = expected<T, std::error_code>;
//     class AllocationFailure;   // is-a std::bad_alloc
//   }
//
// An errno value travels in std::system_category().
#pragma once
#include <cstddef>        // std::size_t
#include <cstdio>         // std::fprintf
#include <cstdlib>        // std::abort
#include <new>            // std::bad_alloc, std::bad_array_new_length
#include <stdexcept>      // std::length_error, std::out_of_range
#include <string>         // std::string
#include <system_error>   // std::error_category, std::error_code
#include <type_traits>    // std::true_type

#include "tamalloc/config.hpp"
#include "tamalloc/expected.hpp"   // expected, unexpected

namespace tamalloc::inline TAMALLOC_ABI {

/// What the library itself can object to. The numbers are stable.
enum class errc {
    zero_size = 1,          // a size that must not be 0 is
    too_large = 2,          // more than any address space holds
    bad_alignment = 3,      // not a power of two
    abi_mismatch = 4,       // the kernel side speaks another version
    no_such_process = 5,    // equal to std::errc::no_such_process
    kernel_thread = 6,      // has no memory of its own
    malformed_procfs = 7,   // a file under /proc reads differently than proc(5) says
    not_zeroed = 8,         // memory that was promised to read zero does not
    unsupported = 9,        // this kernel cannot do it
};

namespace detail {

class ErrorCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tamalloc"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
        case errc::zero_size: return "size is zero";
        case errc::too_large: return "size exceeds the address space";
        case errc::bad_alignment: return "alignment is not a power of two";
        case errc::abi_mismatch: return "kernel interface has another version";
        case errc::no_such_process: return "no such process";
        case errc::kernel_thread: return "kernel thread has no memory of its own";
        case errc::malformed_procfs: return "unexpected contents under /proc";
        case errc::not_zeroed: return "memory does not read zero";
        case errc::unsupported: return "not supported by this kernel";
        }
        return "unknown tamalloc error";
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
        case errc::zero_size:
        case errc::bad_alignment: return std::errc::invalid_argument;
        case errc::too_large: return std::errc::not_enough_memory;
        case errc::no_such_process: return std::errc::no_such_process;
        case errc::abi_mismatch:
        case errc::unsupported: return std::errc::function_not_supported;
        case errc::kernel_thread:
        case errc::malformed_procfs:
        case errc::not_zeroed: break;
        }
        return {value, *this};
    }
};

}   // namespace detail

/// \returns the category of errc; its name is "tamalloc". Constant time, any thread.
/// \commits no
[[nodiscard]] inline const std::error_category& category() noexcept {
    static const detail::ErrorCategory instance;
    return instance;
}

/// Found by argument-dependent lookup when an errc is converted to std::error_code. Constant time, any thread.
/// \commits no
[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

/// A T, or the reason why there is none.
template<class T = void> using result = expected<T, std::error_code>;

/// Thrown by allocators and containers where the system refuses memory. Constant time; threads: as std::exception.
/// \commits no
class AllocationFailure : public std::bad_alloc {
public:
    /// What was refused, and why.
    AllocationFailure(std::error_code code, std::size_t bytes) noexcept : code_(code), bytes_(bytes) {}

    /// \returns a static string; allocates nothing, since memory is what is missing.
    [[nodiscard]] const char* what() const noexcept override { return "tamalloc: the system refused memory"; }
    /// \returns why: ENOMEM and the like in std::system_category().
    [[nodiscard]] std::error_code code() const noexcept { return code_; }
    /// \returns how many bytes were asked for.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    std::error_code code_;
    std::size_t bytes_;
};

namespace detail {

[[nodiscard]] inline unexpected<std::error_code> failure(errc e) noexcept {
    return unexpected<std::error_code>(make_error_code(e));
}

[[nodiscard]] inline unexpected<std::error_code> system_failure(int errnum) noexcept {
    return unexpected<std::error_code>(std::error_code(errnum, std::system_category()));
}

#ifdef __cpp_exceptions
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_allocation_failure(std::error_code code, std::size_t bytes) {
    throw AllocationFailure(code, bytes);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_array_new_length() { throw std::bad_array_new_length(); }

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_length_error() {
    throw std::length_error("tamalloc: more elements asked for than max_size()");
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_out_of_range() {
    throw std::out_of_range("tamalloc: no element has this index");
}
#else
// Without exceptions a throwing entry point has no way to answer; every try_* function stays usable.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_allocation_failure(std::error_code code, std::size_t bytes) {
    std::fprintf(stderr, "tamalloc: allocation of %zu bytes failed (%s %d)\n", bytes, code.category().name(),
                 code.value());
    std::abort();
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_bad_array_new_length() {
    std::fputs("tamalloc: more elements asked for than max_size()\n", stderr);
    std::abort();
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_length_error() { throw_bad_array_new_length(); }

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_out_of_range() {
    std::fputs("tamalloc: no element has this index\n", stderr);
    std::abort();
}
#endif

}   // namespace detail
}   // namespace tamalloc::inline TAMALLOC_ABI

template<> struct std::is_error_code_enum<tamalloc::errc> : std::true_type {};
