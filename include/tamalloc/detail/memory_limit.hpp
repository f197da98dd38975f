// SPDX-License-Identifier: MIT
//
// How much memory this process may have, and how much of it and of address space may be kept for reuse.
//
//   namespace tamalloc::detail {
//     std::size_t memory_limit(const char* proc, const char* cgroups) noexcept;
//     std::size_t memory_budget() noexcept;
//     std::size_t address_space_limit(std::size_t budget, bool charged) noexcept;
//     const std::size_t address_space;
//     std::size_t most_mappable(bool charged) noexcept;
//   }
#pragma once
#include <algorithm>     // std::max, std::min, std::ranges::copy
#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <limits>        // std::numeric_limits
#include <optional>      // std::optional
#include <string_view>   // std::string_view

#include <fcntl.h>          // AT_FDCWD
#include <sys/resource.h>   // getrlimit
#include <sys/sysinfo.h>    // sysinfo

#include "tamalloc/config.hpp"
#include "tamalloc/detail/proc_file.hpp"   // Descriptor, LineReader, take_number
#include "tamalloc/detail/sys.hpp"         // value_or_negated_errno

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// A path in a fixed buffer; when it does not fit it is and stays empty, and opening it fails.
class ShortPath {
public:
    ShortPath& operator+=(std::string_view part) noexcept {
        if (part.size() >= text_.size() - size_) too_long_ = true;
        if (too_long_) {
            text_[0] = '\0';
            return *this;
        }
        std::ranges::copy(part, text_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += part.size();
        text_[size_] = '\0';
        return *this;
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

private:
    std::array<char, 512> text_{};
    std::size_t size_ = 0;
    bool too_long_ = false;
};

/// \returns the number of bytes in the file, or the largest where there is none: "max", or no such file
[[nodiscard]] inline std::size_t limit_in(const char* file) noexcept {
    std::array<char, 32> buffer{};
    const Descriptor descriptor(AT_FDCWD, file, 0);
    const auto got = descriptor.read(buffer);
    std::string_view text(buffer.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
    std::size_t bytes = 0;
    return take_number(text, bytes) ? bytes : std::numeric_limits<std::size_t>::max();
}

/// \returns whether a list, separated by commas, has this name
[[nodiscard]] inline bool has_name(std::string_view list, std::string_view name) noexcept {
    while (true) {
        const auto comma = list.find(',');
        if (list.substr(0, comma) == name) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

/// \returns the least limit of the control groups that a line of /proc/PID/cgroup names, from its own to the root
[[nodiscard]] inline std::size_t limit_of_groups(std::string_view line, const char* cgroups) noexcept {
    // hierarchy:controllers:path, cgroups(7). Version 2 has neither number nor controllers.
    const auto controllers = line.substr(line.find(':') + 1);
    const bool v2 = controllers.starts_with(':');
    if (!v2 && !has_name(controllers.substr(0, controllers.find(':')), "memory"))
        return std::numeric_limits<std::size_t>::max();
    auto path = controllers.substr(controllers.find(':') + 1);
    if (path == "/") path = "";
    auto least = std::numeric_limits<std::size_t>::max();
    while (true) {
        ShortPath file;
        ((((file += cgroups) += v2 ? "" : "/memory") += path) += v2 ? "/memory.max" : "/memory.limit_in_bytes");
        least = std::min(least, limit_in(file.c_str()));
        if (!path.starts_with('/')) return least;
        path = path.substr(0, path.rfind('/'));
    }
}

/// \returns bytes, the largest where there is no limit or nobody tells
[[nodiscard]] inline std::size_t soft_limit(decltype(RLIMIT_AS) resource) noexcept {
    rlimit limit{};
    if (sys::value_or_negated_errno([&] { return ::getrlimit(resource, &limit); }) != 0) return RLIM_INFINITY;
    return limit.rlim_cur;
}

struct MachineMemory {
    std::size_t ram, swap;   // bytes
};

/// \returns what the machine has, if somebody tells. Not from sysconf(3), which does not look whether it was told.
[[nodiscard]] inline std::optional<MachineMemory> machine_memory() noexcept {
    struct sysinfo machine{};
    if (sys::value_or_negated_errno([&] { return ::sysinfo(&machine); }) != 0) return {};
    return MachineMemory{machine.totalram * machine.mem_unit, machine.totalswap * machine.mem_unit};
}

/// \returns bytes: the RAM, or the limit of a control group where that is less. Reads some files; any thread.
/// \commits no
[[nodiscard]] inline std::size_t memory_limit(const char* groups_of_process = "/proc/self/cgroup",
                                              const char* cgroups = "/sys/fs/cgroup") noexcept {
    const auto machine = machine_memory();
    auto limit = machine ? machine->ram : std::size_t{2} << 30;   // little, where nobody tells
    const Descriptor file(AT_FDCWD, groups_of_process, 0);
    LineReader lines(file);
    for (std::string_view line; lines.next(line);) limit = std::min(limit, limit_of_groups(line, cgroups));
    return limit;
}

/// \returns bytes in memory: 1/32 of the limit, at least 64 MiB unless that is more than 1/8
[[nodiscard]] inline std::size_t memory_budget() noexcept {
    const auto limit = memory_limit();
    return std::max(limit / 32, std::min(std::size_t{64} << 20, limit / 8));
}

/// \returns bytes. Page tables, which are not counted as memory of the process, take 1/512 of the address space that they
/// serve: 32 times the budget, so that they take at most 1/16 of it. Where the process may have only so much, 1/16 of
/// that, since malloc and threads need it, too; where address space is charged as memory, no more than of memory.
[[nodiscard]] inline std::size_t address_space_limit(std::size_t budget, bool charged) noexcept {
    std::array<char, 4> text{};
    const Descriptor overcommit(AT_FDCWD, "/proc/sys/vm/overcommit_memory", 0);   // proc(5): 2 never overcommits
    constexpr auto most_bytes = std::numeric_limits<std::size_t>::max();
    charged = charged || (overcommit.read(text) > 0 && text.front() == '2');
    auto most = budget;
    if (!charged) most = budget > most_bytes / 32 ? most_bytes : budget * 32;
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA})
        if (const auto limit = soft_limit(resource); limit != RLIM_INFINITY) most = std::min(most, limit / 16);
    return most;
}

// What mmap(2) gives without being asked for more, in bytes; also where the processor has 5 levels of page tables, or 52 bits.
#ifdef __aarch64__
inline constexpr std::size_t address_space = std::size_t{1} << 48;
#else
inline constexpr std::size_t address_space = std::size_t{1} << 47;
#endif

/// \returns bytes: what is larger is refused, whatever is given back
[[nodiscard]] inline std::size_t most_mappable(bool charged) noexcept {
    std::size_t most = address_space;
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) most = std::min(most, soft_limit(resource));
    if (charged)   // proc(5), overcommit_memory: 0 refuses what is more than both
        if (const auto machine = machine_memory()) most = std::min(most, machine->ram + machine->swap);
    return most;
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
