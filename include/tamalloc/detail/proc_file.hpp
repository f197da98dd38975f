// SPDX-License-Identifier: MIT
//
// Files of /proc, read into the stack and taken apart. Nothing is allocated, and errno is left as it was. Buffers are
// small: a thread may have no more stack than PTHREAD_STACK_MIN, 16 KiB.
//
//   namespace tamalloc::detail {
//     class Descriptor;                             // opened, closed again
//     std::array<char, 16> name_of(pid_t) noexcept;
//     std::error_code for_each_id(int directory, F);
//     class LineReader;                             // a file of any length, line by line
//     struct Figure;                                // what to look for in lines of "key: number unit"
//     std::error_code read_figures(Descriptor, std::span<Figure>) noexcept;
//     result<std::string_view> read_line(const Descriptor&, std::span<char>) noexcept;
//     bool take_number(std::string_view&, T&) noexcept;
//     void skip_field(std::string_view&) noexcept;
//   }
#pragma once
#include <algorithm>      // std::ranges::all_of, std::min
#include <array>          // std::array
#include <cerrno>         // EBADF, EINTR
#include <charconv>       // std::from_chars, std::to_chars
#include <concepts>       // std::integral
#include <cstddef>        // std::ptrdiff_t, std::size_t
#include <cstdint>        // std::uint64_t
#include <cstring>        // std::memcpy, std::memmove
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::exchange

#include <fcntl.h>         // O_RDONLY
#include <sys/syscall.h>   // SYS_getdents64
#include <unistd.h>        // pid_t, syscall

#include "tamalloc/config.hpp"
#include "tamalloc/detail/sys.hpp"   // close, open, read, value_or_negated_errno
#include "tamalloc/error.hpp"        // errc, failure, result

namespace tamalloc::inline TAMALLOC_ABI::detail {

class Descriptor {
public:
    /// Opens a file relative to a directory, for reading, whatever is a symbolic link.
    Descriptor(int directory, const char* name, int flags) noexcept {
        do fd_ = sys::open(directory, name, O_RDONLY | flags);
        while (fd_ == -EINTR);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -EBADF)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) (void)sys::close(fd_);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    /// \returns 0, or the errno value of what went wrong
    [[nodiscard]] int error() const noexcept { return fd_ < 0 ? -fd_ : 0; }

    /// \returns how many bytes were read, 0 at the end, or -errno
    [[nodiscard]] std::ptrdiff_t read(std::span<char> out) const noexcept {
        std::ptrdiff_t got = 0;
        do got = sys::read(fd_, out);
        while (got == -EINTR);
        return got;
    }

private:
    int fd_;
};

[[nodiscard]] inline std::error_code errno_code(int errnum) noexcept { return {errnum, std::system_category()}; }

/// \returns the digits of an id, as /proc names the directory
[[nodiscard]] inline std::array<char, 16> name_of(pid_t id) noexcept {
    std::array<char, 16> name{};
    std::to_chars(name.data(), name.data() + name.size() - 1, id);
    return name;
}

// struct linux_dirent64, getdents64(2): inode and offset, 8 bytes each, the length of the record, the type, the name.
template<class F> [[nodiscard]] bool for_each_id_in(std::string_view records, F& f) {
    constexpr std::size_t length_at = 16, name_at = 19;
    while (!records.empty()) {
        unsigned short length = 0;
        std::memcpy(&length, records.data() + length_at, sizeof length);
        const std::string_view name(records.data() + name_at);
        pid_t id = 0;
        const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), id);
        if (error == std::errc{} && stop == name.data() + name.size() && id > 0 && !f(id)) return false;
        records.remove_prefix(length);
    }
    return true;
}

/// \effects calls f(pid_t) for each entry of a directory that is named by an id, until it returns false
/// \returns why the directory cannot be read
template<class F> [[nodiscard]] std::error_code for_each_id(int directory, F f) {
    alignas(std::uint64_t) std::array<char, 2048> buffer;
    while (true) {
        const auto got = sys::value_or_negated_errno(
            [&] { return ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size()); });
        if (got <= 0) return errno_code(static_cast<int>(-got));
        if (!for_each_id_in({buffer.data(), static_cast<std::size_t>(got)}, f)) return {};
    }
}

[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n'; }

/// \effects takes blanks and a number that ends at a blank or at the end off the front of the text
/// \returns whether they were there, and the number fits
template<std::integral T> [[nodiscard]] bool take_number(std::string_view& text, T& number) noexcept {
    const char* const last = text.data() + text.size();
    const char* first = text.data();
    while (first != last && is_blank(*first)) ++first;
    const auto [stop, error] = std::from_chars(first, last, number);
    if (error != std::errc{} || (stop != last && !is_blank(*stop))) return false;
    text = {stop, static_cast<std::size_t>(last - stop)};
    return true;
}

/// \effects takes blanks and what is not blank off the front of the text
constexpr void skip_field(std::string_view& text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && !is_blank(text.front())) text.remove_prefix(1);
}

/// \returns whether a * b fits
[[nodiscard]] constexpr bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) noexcept {
    return !__builtin_mul_overflow(a, b, &product);
}

/// \returns a + b, or what comes closest
[[nodiscard]] constexpr std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) noexcept {
    std::uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? ~std::uint64_t{0} : sum;
}

/// The text of a file that fits into the buffer and ends with a newline, that is, was not cut off.
/// \errors errc::malformed_procfs, else errno
[[nodiscard]] inline result<std::string_view> read_line(const Descriptor& file, std::span<char> buffer) noexcept {
    if (file.error() != 0) return system_failure(file.error());
    std::size_t size = 0;
    // The kernel hands such a file over in one piece: there is no second call to see its end.
    while (size == 0 || buffer[size - 1] != '\n') {
        if (size == buffer.size()) return failure(errc::malformed_procfs);
        const auto got = file.read(buffer.subspan(size));
        if (got < 0) return system_failure(static_cast<int>(-got));
        if (got == 0) return failure(errc::malformed_procfs);
        size += static_cast<std::size_t>(got);
    }
    return std::string_view(buffer.data(), size);
}

/// A file of any length: the line of groups in `status` and that of interrupts in `stat` may be longer than any buffer.
class LineReader {
public:
    explicit LineReader(const Descriptor& file) noexcept : file_(file) {
        if (file.error() != 0) error_ = errno_code(file.error());
    }

    /// \effects sets `line`, without its newline, until the next call; of a line longer than the buffer only the start,
    /// as shortened() tells
    /// \returns false at the end, or when error() tells why there is nothing more
    [[nodiscard]] bool next(std::string_view& line) noexcept {
        while (true) {
            const std::string_view rest(text_.data() + first_, last_ - first_);
            const auto end = rest.find('\n');
            const bool tail = std::exchange(in_long_line_, end == std::string_view::npos && in_long_line_);
            if (end != std::string_view::npos) {
                first_ += end + 1;
                line = rest.substr(0, end);
                if (!tail) return true;
            } else if (rest.size() == text_.size()) {
                first_ = last_;
                in_long_line_ = true;
                line = rest;
                if (!tail) return true;
            } else if (!refill()) {
                return false;
            }
        }
    }

    [[nodiscard]] bool shortened() const noexcept { return in_long_line_; }
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    [[nodiscard]] bool refill() noexcept {
        if (error_) return false;
        std::memmove(text_.data(), text_.data() + first_, last_ - first_);
        last_ -= std::exchange(first_, 0);
        const auto got = file_.read(std::span(text_).subspan(last_));
        if (got > 0) last_ += static_cast<std::size_t>(got);
        else if (got < 0) error_ = errno_code(static_cast<int>(-got));
        else if (last_ != 0 || in_long_line_) error_ = errc::malformed_procfs;   // a line was cut off
        return got > 0;
    }

    const Descriptor& file_;
    std::size_t first_ = 0, last_ = 0;
    bool in_long_line_ = false;
    std::error_code error_;
    std::array<char, 2048> text_;   // holds the whole of a usual `status`
};

/// A line that starts with `key` is followed by a number, and by " kB" where it counts those.
struct Figure {
    std::string_view key;
    bool kib = false;
    bool found = false;
    std::uint64_t value = 0;   // kB are bytes already
};

// Where a line was shortened, what reaches its end may go on behind it.
[[nodiscard]] inline bool parse_figure(std::string_view rest, bool shortened, Figure& figure) noexcept {
    figure.found = true;
    if (!take_number(rest, figure.value)) return false;
    if (shortened && (rest.empty() || figure.kib)) return false;
    return !figure.kib || (rest == " kB" && multiply(figure.value, 1024, figure.value));
}

/// \effects looks for each of the figures, and reads no further than to the last of them
/// \errors errc::malformed_procfs, else errno; a figure that is missing is no error here
[[nodiscard]] inline std::error_code read_figures(const Descriptor& file, std::span<Figure> figures) noexcept {
    LineReader lines(file);
    auto missing = figures.size();
    for (std::string_view line; missing != 0 && lines.next(line);) {
        for (auto& figure : figures) {
            if (figure.found || !line.starts_with(figure.key)) continue;
            if (!parse_figure(line.substr(figure.key.size()), lines.shortened(), figure)) return errc::malformed_procfs;
            --missing;
            break;
        }
    }
    return lines.error();
}

[[nodiscard]] inline bool all_found(std::span<const Figure> figures) noexcept {
    return std::ranges::all_of(figures, &Figure::found);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
