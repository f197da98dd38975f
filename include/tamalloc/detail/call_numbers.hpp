// SPDX-License-Identifier: MIT
//
// Finds the numbers of the tamalloc system calls, without a call that another kernel could take for one of its own.
//
//   namespace tamalloc::detail {
//     enum class Why;  enum class Wish;   // the outcome; what TAMALLOC_BACKEND asks for
//     struct CallGroup;                   // the numbers of calls that are used together or not at all
//     struct FoundCalls;
//     FoundCalls find_calls(const char* sysfs) noexcept;
//   }
//
// prctl(2) is asked, which every other kernel answers with EINVAL, and sysfs where that is refused. Each number is then
// tried by a call that changes nothing and whose only right answer is EINVAL: it may be refused, or not be what was told.
#pragma once
#include <array>         // std::array
#include <cerrno>        // EINVAL, ENOSYS, EPERM
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint16_t, std::uint8_t
#include <cstdlib>       // secure_getenv
#include <limits>        // std::numeric_limits
#include <string_view>   // std::string_view

#include <fcntl.h>      // AT_FDCWD, O_DIRECTORY, O_PATH
#include <sys/wait.h>   // P_PID

#include "tamalloc/config.hpp"
#include "tamalloc/detail/kernel_calls.hpp"
#include "tamalloc/detail/proc_file.hpp"   // Descriptor, read_line, take_number

namespace tamalloc::inline TAMALLOC_ABI::detail {

enum class Why : std::uint8_t {
    not_looked,
    compiled_out,
    told_not_to,
    absent,
    untold,
    other_version,
    incomplete,
    refused,
    foreign,
    withdrawn,   // worked at first
    by_prctl,    // these two: the calls are used
    by_sysfs,
};

enum class Wish : std::uint8_t { automatic, mmap, syscall, unknown };

/// Fits into a word, and is aligned like one, so that it is published and taken back in one store without libatomic.
struct alignas(8) CallGroup {
    enum Memory : std::size_t { tamalloc2, rezero };
    enum Statistics : std::size_t { tamstat, list, total };

    std::array<std::uint16_t, 3> numbers{};
    Why why = Why::not_looked;
    Wish wish = Wish::automatic;

    [[nodiscard]] constexpr bool usable() const noexcept { return why == Why::by_prctl || why == Why::by_sysfs; }
};
static_assert(sizeof(CallGroup) == 8);

struct FoundCalls {
    CallGroup memory, statistics;
};

inline constexpr unsigned unknown_flag = 1U << 31;   // of every call

[[nodiscard]] constexpr Why verdict(long answer, Why good) noexcept {
    if (answer == -EINVAL) return good;
    return answer == -ENOSYS || answer == -EPERM ? Why::refused : Why::foreign;
}

/// \returns `good` where every call answers EINVAL to what is invalid, else what is wrong with the first that does not
[[nodiscard]] inline Why try_memory(const CallGroup& calls, Why good) noexcept {
    const auto& number = calls.numbers;
    const auto why = verdict(sys::tamalloc2(number[CallGroup::tamalloc2], nullptr, 0), good);
    if (why != good) return why;
    return verdict(sys::tamalloc_rezero(number[CallGroup::rezero], nullptr, 0, 0, unknown_flag), good);
}

[[nodiscard]] inline Why try_statistics(const CallGroup& calls, Why good) noexcept {
    const auto& number = calls.numbers;
    auto why = verdict(sys::tamstat(number[CallGroup::tamstat], P_PID, 0, nullptr, 0, 0), good);
    if (why == good) why = verdict(sys::tamstat_list(number[CallGroup::list], nullptr, nullptr, 0, unknown_flag), good);
    if (why == good) why = verdict(sys::tamstat_total(number[CallGroup::total], nullptr, 0, unknown_flag), good);
    return why;
}

[[nodiscard]] inline Wish wish_of_user() noexcept {
    const char* const text = ::secure_getenv("TAMALLOC_BACKEND");
    const std::string_view value = text == nullptr ? "" : text;
    if (value.empty() || value == "auto") return Wish::automatic;
    if (value == "mmap") return Wish::mmap;
    return value == "syscall" ? Wish::syscall : Wish::unknown;
}

// The files of /sys/kernel/mm/tamalloc in the order of what prctl(PR_TAMALLOC) is asked for: the version, then the
// numbers. One decimal number and a newline each.
inline constexpr std::array<const char*, 6> sysfs_files{"abi_version", "nr_tamalloc2",    "nr_tamalloc_rezero",
                                                        "nr_tamstat",  "nr_tamstat_list", "nr_tamstat_total"};
static_assert(PR_TAMALLOC_ABI == 0);
static_assert(PR_TAMALLOC_NR == 1);
static_assert(TAMALLOC_CALL_TAMALLOC2 == 0);
static_assert(TAMALLOC_CALL_REZERO == 1);
static_assert(TAMALLOC_CALL_TAMSTAT == 2);
static_assert(TAMALLOC_CALL_TAMSTAT_LIST == 3);
static_assert(TAMALLOC_CALL_TAMSTAT_TOTAL == 4);

/// \returns the number in a file of that directory, 0 where there is none
[[nodiscard]] inline int number_in(const Descriptor& directory, const char* file) noexcept {
    std::array<char, 32> buffer;
    auto line = read_line({directory.get(), file, 0}, buffer);
    int number = 0;
    return line && take_number(*line, number) && *line == "\n" ? number : 0;
}

/// \returns the group with as many numbers, from that call on, as `ask` tells: all of them, tried
template<class Ask, class Try>
[[nodiscard]] CallGroup find_group(Ask ask, int first, int count, Why good, Wish wish, Try try_group) noexcept {
    CallGroup group{.why = Why::incomplete, .wish = wish};
    for (int i = 0; i != count; ++i) {
        const int number = ask(PR_TAMALLOC_NR + first + i);
        if (number <= 0 || number > std::numeric_limits<std::uint16_t>::max()) return group;
        group.numbers.at(static_cast<std::size_t>(i)) = static_cast<std::uint16_t>(number);
    }
    group.why = try_group(group, good);
    return group;
}

[[nodiscard]] constexpr FoundCalls found_none(Why why, Wish wish) noexcept {
    const CallGroup none{.why = why, .wish = wish};
    return {none, none};
}

/// \returns what `ask` tells; ask(PR_TAMALLOC_NR + k) is the number of call k
template<class Ask> [[nodiscard]] FoundCalls find_calls_by(Ask ask, int version, Why good, Wish wish) noexcept {
    if (version < TAMALLOC_ABI_VERSION) return found_none(Why::other_version, wish);   // later ones only add to it
    return {find_group(ask, TAMALLOC_CALL_TAMALLOC2, 2, good, wish, try_memory),
            find_group(ask, TAMALLOC_CALL_TAMSTAT, 3, good, wish, try_statistics)};
}

[[nodiscard]] inline FoundCalls find_calls(const char* sysfs = "/sys/kernel/mm/tamalloc") noexcept {
    const auto wish = wish_of_user();
    if (wish == Wish::mmap) return found_none(Why::told_not_to, wish);
    const int version = sys::ask(PR_TAMALLOC_ABI);
    if (version >= 0) return find_calls_by(sys::ask, version, Why::by_prctl, wish);
    // The numbers in sysfs are those of 64-bit programs.
    if (version == -EINVAL || sizeof(void*) != 8) return found_none(Why::absent, wish);
    const Descriptor directory(AT_FDCWD, sysfs, O_PATH | O_DIRECTORY);
    const auto ask = [&](int what) { return number_in(directory, sysfs_files.at(static_cast<std::size_t>(what))); };
    const int version_told = ask(PR_TAMALLOC_ABI);
    if (version_told <= 0) return found_none(Why::untold, wish);
    return find_calls_by(ask, version_told, Why::by_sysfs, wish);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
