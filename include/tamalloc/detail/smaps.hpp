// SPDX-License-Identifier: MIT
//
// /proc/PID/smaps, mapping by mapping, and which of its pages are the shared zero page.
//
//   namespace tamalloc::detail {
//     class SmapsReader;        // one mapping after the other
//     class ProcessMappings;    // the same of a process, whichever of its threads is left
//     Descriptor directory_with_memory(const Descriptor& directory);
//     result<std::uint64_t> zero_mapped_bytes(const Descriptor& directory, std::uint64_t first, std::uint64_t last);
//     std::error_code for_each_populated_of(const Descriptor& directory, std::uint64_t first, std::uint64_t last, F);
//   }
#pragma once
#include <algorithm>      // std::ranges::copy
#include <array>          // std::array
#include <cerrno>         // EINVAL, ENOENT, ENOTTY, ESRCH
#include <charconv>       // std::from_chars
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <memory>         // std::make_unique, std::unique_ptr
#include <optional>       // std::optional
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::errc, std::error_code
#include <utility>        // std::as_const, std::move

#include <fcntl.h>       // O_DIRECTORY, O_PATH
#include <sys/ioctl.h>   // ioctl

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page_scan.hpp"       // PageExtent, PageScanArgument, pagemap_scan
#include "tamalloc/detail/proc_file.hpp"       // Descriptor, LineReader, for_each_id, read_figures
#include "tamalloc/detail/process_files.hpp"   // is_gone
#include "tamalloc/detail/sys.hpp"             // value_or_negated_errno
#include "tamalloc/error.hpp"                  // errc, result, unexpected
#include "tamalloc/mappings/records.hpp"       // Mapping, MappingKind

namespace tamalloc::inline TAMALLOC_ABI::detail {

[[nodiscard]] constexpr bool has_flag(std::string_view flags, std::string_view flag) noexcept {
    for (std::size_t at = 0; at + 2 <= flags.size(); at += 3)   // two letters each
        if (flags.substr(at, 2) == flag) return true;
    return false;
}

[[nodiscard]] inline MappingKind kind_of(const tamalloc::Mapping& m) noexcept {
    if (std::string_view(m.permissions.data(), 3) == "---") return MappingKind::none;
    if (has_flag(m.flags, "nr")) return MappingKind::noreserve;
    if (m.accounted) return MappingKind::charged;
    return m.path.starts_with('/') ? MappingKind::file : MappingKind::other;
}

[[nodiscard]] inline bool take_address(std::string_view& text, char end, std::uint64_t& address) noexcept {
    const char* const first = text.data();
    const char* const last = first + text.size();
    const auto [stop, error] = std::from_chars(first, last, address, 16);
    if (error != std::errc{} || stop == last || *stop != end) return false;
    text = {stop + 1, static_cast<std::size_t>(last - stop - 1)};
    return true;
}

// "7f00-7f80 rw-p 00000000 00:00 0     path", which may hold blanks
[[nodiscard]] inline bool parse_mapping_line(std::string_view line, tamalloc::Mapping& m) {
    if (!take_address(line, '-', m.first) || !take_address(line, ' ', m.last) || m.last <= m.first ||
        line.size() < m.permissions.size())
        return false;
    std::ranges::copy(line.substr(0, m.permissions.size()), m.permissions.begin());
    line.remove_prefix(m.permissions.size());
    for (int field = 0; field < 3; ++field) skip_field(line);   // offset, device, inode
    const auto path = line.find_first_not_of(' ');
    m.path = path == std::string_view::npos ? std::string_view() : line.substr(path);
    m.resident = m.pss = m.uss = m.swap = m.huge = 0;
    m.flags.clear();
    return true;
}

/// Figures start with a capital letter, mappings with a digit of an address.
class SmapsReader {
public:
    explicit SmapsReader(Descriptor file) noexcept : file_(std::move(file)), lines_(file_) {}
    SmapsReader(const SmapsReader&) = delete;
    SmapsReader& operator=(const SmapsReader&) = delete;

    /// \returns false at the end, or when error() says why there is nothing more
    /// \throws std::bad_alloc
    [[nodiscard]] bool next(tamalloc::Mapping& m) {
        while (!error_ && (have_line_ || lines_.next(line_))) {
            have_line_ = false;
            if (!parse_mapping_line(line_, m) || !read_figures_of(m)) return fail();
            if (m.first >> 63 == 0) return true;   // vsyscall lies in the kernel's half, and counts in no sum
        }
        return false;
    }

    [[nodiscard]] std::error_code error() const noexcept { return error_ ? error_ : lines_.error(); }

private:
    [[nodiscard]] bool fail() noexcept {
        if (!lines_.error()) error_ = errc::malformed_procfs;
        return false;
    }

    // Up to the next mapping, whose line stays for the next call.
    [[nodiscard]] bool read_figures_of(tamalloc::Mapping& m) {
        enum : std::size_t { rss, pss, private_clean, private_dirty, huge, swap, count };
        std::array<Figure, count> f{{{"Rss:", true},
                                     {"Pss:", true},
                                     {"Private_Clean:", true},
                                     {"Private_Dirty:", true},
                                     {"AnonHugePages:", true},
                                     {"Swap:", true}}};
        while (lines_.next(line_)) {
            if (line_.empty() || line_.front() < 'A' || line_.front() > 'Z') {
                have_line_ = true;
                break;
            }
            if (!take_figure(f, m)) return false;
        }
        m.resident = f[rss].value;
        m.pss = f[pss].value;
        m.uss = saturating_sum(f[private_clean].value, f[private_dirty].value);
        m.huge = f[huge].value;
        m.swap = f[swap].value;
        m.accounted = has_flag(m.flags, "ac");
        m.kind = kind_of(m);
        return !lines_.error() && f[rss].found;
    }

    [[nodiscard]] bool take_figure(std::span<Figure> figures, tamalloc::Mapping& m) {
        constexpr std::string_view flags = "VmFlags: ";
        if (line_.starts_with(flags))
            m.flags = line_.substr(flags.size(), line_.find_last_not_of(' ') + 1 - flags.size());
        for (auto& figure : figures)
            if (!figure.found && line_.starts_with(figure.key))
                return parse_figure(line_.substr(figure.key.size()), lines_.shortened(), figure);
        return true;
    }

    Descriptor file_;
    LineReader lines_;
    std::string_view line_;
    bool have_line_ = false;
    std::error_code error_;
};

/// Reads the mappings of a process; where its main thread has ended, those that another thread shows.
class ProcessMappings {
public:
    /// \requires the descriptor stays open
    explicit ProcessMappings(const Descriptor& directory) : directory_(directory) {}

    /// \returns false at the end, or when error() says why there is nothing more
    /// \throws std::bad_alloc
    [[nodiscard]] bool next(tamalloc::Mapping& m) {
        if (reader_ != nullptr) return reader_->next(m);
        reader_ = std::make_unique<SmapsReader>(Descriptor(directory_.get(), "smaps", 0));
        if (reader_->next(m)) return true;
        const auto error = reader_->error();
        if (error && error != errno_code(ESRCH)) return false;
        return next_of_any_thread(m);
    }

    /// \returns errc::no_such_process: it ended; errc::unsupported: this kernel has no smaps; EACCES and the like
    [[nodiscard]] std::error_code error() const noexcept {
        const auto error = reader_ == nullptr ? std::error_code() : reader_->error();
        if (!is_gone(error)) return error;
        const bool there = Descriptor(directory_.get(), "stat", 0).error() == 0;
        return there && error == errno_code(ENOENT) ? errc::unsupported : errc::no_such_process;
    }

private:
    [[nodiscard]] bool next_of_any_thread(tamalloc::Mapping& m) {
        bool found = false;
        const Descriptor all(directory_.get(), "task", O_DIRECTORY);
        if (all.error() != 0) return false;
        const auto error = for_each_id(all.get(), [&](pid_t id) {
            const Descriptor thread(all.get(), name_of(id).data(), O_PATH | O_DIRECTORY);
            if (thread.error() != 0) return true;
            auto reader = std::make_unique<SmapsReader>(Descriptor(thread.get(), "smaps", 0));
            found = reader->next(m);
            if (found) reader_ = std::move(reader);
            return !found;
        });
        return found && !error;
    }

    const Descriptor& directory_;
    std::unique_ptr<SmapsReader> reader_;
};

/// \returns a directory that shows the memory of a process: its own, or, where its main thread has ended, a thread's
[[nodiscard]] inline Descriptor directory_with_memory(const Descriptor& directory) noexcept {
    constexpr int flags = O_PATH | O_DIRECTORY;
    const auto has_memory = [](const Descriptor& d) {
        std::array<Figure, 1> f{{{"VmSize:", true}}};
        return !read_figures({d.get(), "status", 0}, f) && f[0].found;
    };
    const auto itself = [&] { return Descriptor(directory.get(), ".", flags); };
    if (has_memory(directory)) return itself();
    const Descriptor all(directory.get(), "task", O_DIRECTORY);
    if (all.error() != 0) return itself();
    std::optional<Descriptor> found;
    const auto error = for_each_id(all.get(), [&](pid_t id) {
        Descriptor thread(all.get(), name_of(id).data(), flags);
        if (thread.error() != 0 || !has_memory(thread)) return true;
        found.emplace(std::move(thread));
        return false;
    });
    return found && !error ? std::move(*found) : itself();
}

/// \effects calls f(const PageExtent&) for the runs of pages between two addresses of a process that are of the categories
/// \errors errc::unsupported: before Linux 6.7; errc::no_such_process: it ended; EACCES and the like
/// Proportional to the pages present; any thread; allocates nothing.
template<class F>
[[nodiscard]] std::error_code scan_pages_of(const Descriptor& directory, std::uint64_t first, std::uint64_t last,
                                            PageScanArgument categories, F f) {
    const Descriptor file(directory.get(), "pagemap", 0);
    if (is_gone(errno_code(file.error()))) return errc::no_such_process;
    if (file.error() != 0) return errno_code(file.error());
    std::array<PageExtent, scan_batch> extents;
    while (first < last) {
        auto a = categories;
        a.size = sizeof a;
        a.start = first;
        a.end = last;
        a.vec = reinterpret_cast<std::uintptr_t>(extents.data());
        a.vec_len = extents.size();
        const int n = sys::value_or_negated_errno([&] { return ::ioctl(file.get(), pagemap_scan, &a); });
        if (n < 0 && n != -ENOTTY && n != -EINVAL) return errno_code(-n);
        if (n < 0 || a.walk_end == 0) return errc::unsupported;   // a filter may let it succeed undone
        const auto count = static_cast<std::size_t>(n);
        for (std::size_t i = 0; i != count; ++i) f(std::as_const(extents[i]));
        first = count < extents.size() ? last : extents[count - 1].end;   // walk_end does not tell: scan_pages
    }
    return {};
}

/// \returns the bytes between two addresses of a process behind which there is the shared zero page
/// \errors as scan_pages_of
[[nodiscard]] inline result<std::uint64_t> zero_mapped_bytes(const Descriptor& directory, std::uint64_t first,
                                                             std::uint64_t last) noexcept {
    PageScanArgument zero{};
    zero.category_mask = zero.return_mask = page_is_zero;
    std::uint64_t bytes = 0;
    const auto error =
        scan_pages_of(directory, first, last, zero, [&bytes](const PageExtent& extent) { bytes += extent.size(); });
    if (error) return unexpected<std::error_code>(error);
    return bytes;
}

/// \effects calls f(const PageExtent&) for the runs of pages that are in memory, or swapped; not for the shared zero page
/// \errors as scan_pages_of
template<class F>
[[nodiscard]] std::error_code for_each_populated_of(const Descriptor& directory, std::uint64_t first,
                                                    std::uint64_t last, F f) {
    PageScanArgument populated{};
    populated.category_inverted = populated.category_mask = page_is_zero;
    populated.category_anyof_mask = populated.return_mask = page_is_present | page_is_swapped;
    return scan_pages_of(directory, first, last, populated, f);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
