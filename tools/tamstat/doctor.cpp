// SPDX-License-Identifier: MIT
// tamstat doctor: what this kernel offers, what is used of it, and what is in the way.
#include <algorithm>      // std::max, std::min
#include <array>          // std::array
#include <cerrno>         // errno
#include <cstdint>        // std::uint64_t, std::uintptr_t
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <system_error>   // std::system_category
#include <utility>        // std::move
#include <vector>         // std::vector

#include <fcntl.h>          // AT_FDCWD
#include <sys/mman.h>       // mmap, munmap
#include <sys/prctl.h>      // prctl
#include <sys/resource.h>   // getrlimit
#include <sys/utsname.h>    // uname
#include <unistd.h>         // access, geteuid, STDOUT_FILENO

#include <fmt/format.h>   // fmt::format

#include "commands.hpp"                       // run_doctor
#include "exit_code.hpp"                      // exit_ok
#include "json.hpp"                           // dump, header, Json
#include "machine.hpp"                        // first_line, number_in, pressure
#include "output.hpp"                         // print_now
#include "rows.hpp"                           // layout_for, print
#include "table.hpp"                          // styled, Table
#include "tamalloc/detail/memory_limit.hpp"   // memory_limit
#include "tamalloc/detail/page.hpp"           // page_size
#include "tamalloc/detail/proc_file.hpp"      // Descriptor
#include "tamalloc/discovery.hpp"             // backend, statistics_calls
#include "tamalloc/mappings.hpp"              // mappings
#include "tamalloc/stats.hpp"                 // system_totals

namespace tamstat {
namespace {

enum class Status : unsigned char { good, note, warning };

struct Finding {
    std::string check, value;
    Status status;
    std::string meaning;
};

Finding good(std::string check, std::string value, std::string meaning) {
    return {std::move(check), std::move(value), Status::good, std::move(meaning)};
}

Finding note(std::string check, std::string value, std::string meaning) {
    return {std::move(check), std::move(value), Status::note, std::move(meaning)};
}

Finding warning(std::string check, std::string value, std::string meaning) {
    return {std::move(check), std::move(value), Status::warning, std::move(meaning)};
}

std::string message(int error) { return std::system_category().message(error); }

Finding kernel() {
    utsname name{};
    ::uname(&name);
    return good("kernel", fmt::format("{} {}", name.release, name.machine), "");
}

Finding memory_calls() {
    const auto [backend, reason] = tamalloc::backend();
    if (backend == tamalloc::Backend::kernel) return good("memory", "kernel calls", std::string(reason));
    return note("memory", "mmap", fmt::format("{}: pages come from mmap(2), with the same results", reason));
}

Finding statistics_calls() {
    const auto calls = tamalloc::detail::statistics_calls();
    const auto reason = tamalloc::detail::reason_of(calls);
    if (calls.usable()) return good("statistics", "kernel calls", std::string(reason));
    return note("statistics", "/proc", fmt::format("{}: figures come from /proc, with the same values", reason));
}

Finding scope() {
    const auto scope = number_in("/proc/sys/vm/tamstat_scope");
    if (!scope) return note("tamstat_scope", "absent", "only a patched kernel has it");
    return good("tamstat_scope", fmt::format("{}", *scope),
                *scope == 0 ? "every process may be asked for"
                            : "the calls tell of other users' processes only to root");
}

Finding module() {
    if (::access("/proc/tamalloc", F_OK) == 0) return good("module", "loaded", "/proc/tamalloc has its files");
    return note("module", "absent", "nothing here needs it");
}

Finding overcommit() {
    const auto mode = number_in("/proc/sys/vm/overcommit_memory");
    if (!mode) return note("overcommit", "unknown", message(mode.why().error));
    if (*mode == 0)
        return good("overcommit", "0 (heuristic)",
                    "what is reserved without MAP_NORESERVE may not exceed memory and swap in one piece");
    if (*mode == 1) return good("overcommit", "1 (always)", "nothing is refused; the OOM killer decides later");
    return warning("overcommit", "2 (never)",
                   "MAP_NORESERVE is ignored: what is reserved counts against CommitLimit, and is refused above it");
}

Finding commit() {
    const auto totals = tamalloc::system_totals();
    if (!totals) return note("commit", "unknown", totals.error().message());
    const auto value = fmt::format("{} of {}", format_bytes(totals->charged), format_bytes(totals->charge_limit));
    constexpr double nearly_all = 0.9;
    const bool tight = static_cast<double>(totals->charged) > nearly_all * static_cast<double>(totals->charge_limit);
    if (tight) return warning("commit", value, "Committed_AS is near CommitLimit; it counts where overcommit is 2");
    return good("commit", value, "Committed_AS of CommitLimit");
}

Finding map_count() {
    const auto most = max_map_count("/proc");
    if (!most) return note("max_map_count", "unknown", message(most.why().error));
    return good("max_map_count", fmt::format("{}", *most),
                "mappings a process may have; beyond it the kernel says 'out of memory'");
}

Finding huge_pages() {
    const auto setting = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
    if (!setting) return note("huge pages", "absent", "no transparent huge pages: " + message(setting.why().error));
    const auto from = setting->find('['), to = setting->find(']');
    if (from == std::string::npos || to == std::string::npos) return note("huge pages", *setting, "");
    const auto chosen = setting->substr(from + 1, to - from - 1);
    if (chosen == "always")
        return warning("huge pages", chosen, "the first byte written takes 2 MiB: sparse memory gets dense");
    return good("huge pages", chosen, "memory comes in small pages unless a program asks");
}

Finding page_scan() {
    const auto mappings = tamalloc::mappings();
    if (!mappings) return warning("/proc", "absent", mappings.error().message());
    const auto here = reinterpret_cast<std::uintptr_t>(&mappings) & ~(tamalloc::detail::page_size() - 1);
    const auto zero = mappings->zero_mapped(here, here + tamalloc::detail::page_size());
    if (zero) return good("PAGEMAP_SCAN", "yes", "the shared zero page is told from memory");
    return note("PAGEMAP_SCAN", "no",
                "zero-mapped pages are not known, and untouched bytes are too many by them: " + zero.error().message());
}

Finding names_of_mappings() {
    const auto size = tamalloc::detail::page_size();
    auto* const page = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return note("ANON_VMA_NAME", "unknown", message(errno));
    constexpr int set_vma = 0x53564d41;   // PR_SET_VMA, and 0: PR_SET_VMA_ANON_NAME, since Linux 5.17
    const bool named = ::prctl(set_vma, 0, page, size, "tamstat") == 0;
    ::munmap(page, size);
    if (named) return good("ANON_VMA_NAME", "yes", "mappings may have names");
    return note("ANON_VMA_NAME", "no", "mappings without a file have no names");
}

Finding rollup() {
    const tamalloc::detail::Descriptor file(AT_FDCWD, "/proc/self/smaps_rollup", 0);
    if (file.error() == 0) return good("smaps_rollup", "yes", "--detail rollup works");
    return note("smaps_rollup", "no", "--detail rollup does not work: " + message(file.error()));
}

// To root one does not say that root is needed: a sandbox may refuse even that.
Finding others() {
    const tamalloc::detail::Descriptor file(AT_FDCWD, "/proc/1/smaps_rollup", 0);
    const auto scope = number_in("/proc/sys/kernel/yama/ptrace_scope");
    const auto value = scope ? fmt::format("ptrace_scope {}", *scope) : std::string("no ptrace_scope");
    if (file.error() == 0) return good("other users", value, "mappings of other users' processes can be read");
    return note("other users", value,
                fmt::format("mappings of other users' processes: {}{}", message(file.error()),
                            ::geteuid() == 0 ? ", although this is root: a sandbox" : "; root may"));
}

Finding hidden() {
    const tamalloc::detail::Descriptor file(AT_FDCWD, "/proc/1/stat", 0);
    if (file.error() == 0) return good("hidepid", "no", "all processes of this pid namespace are seen");
    return note("hidepid", "yes", "other users' processes are not seen: " + message(file.error()));
}

Finding limits() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0) return note("RLIMIT_AS", "unknown", message(errno));
    if (limit.rlim_cur == RLIM_INFINITY) return good("RLIMIT_AS", "none", "address space is not limited");
    return warning("RLIMIT_AS", format_bytes(limit.rlim_cur), "ulimit -v: more than this cannot be reserved");
}

Finding cgroup() {
    const auto limit = tamalloc::detail::memory_limit();
    const auto totals = tamalloc::system_totals();
    if (totals && limit >= totals->ram) return good("memory.max", "none", "no cgroup leaves less than the machine has");
    return note("memory.max", format_bytes(limit), "a cgroup or limit of this process; beyond it the OOM killer comes");
}

Finding stall() {
    if (pressure("/proc", "memory")) return good("PSI", "yes", "sys shows how long tasks wait for memory");
    return note("PSI", "no", "the kernel does not keep /proc/pressure (psi=1)");
}

std::vector<Finding> examine() {
    return {kernel(),     memory_calls(), statistics_calls(),  scope(),  module(), overcommit(), commit(), map_count(),
            huge_pages(), page_scan(),    names_of_mappings(), rollup(), others(), hidden(),     limits(), cgroup(),
            stall()};
}

// Breaks lines at blanks, so that nothing is cut on a narrow terminal.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    std::string lines;
    std::size_t column = width;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        if (column + 1 + word.size() > width) {
            lines += (lines.empty() ? "" : "\n") + std::string(indent, ' ');
            column = indent;
        } else {
            lines += ' ';
            ++column;
        }
        lines += word;
        column += word.size();
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return lines;
}

void print_report(const std::vector<Finding>& findings, const Options& options) {
    constexpr std::size_t usual_width = 100, indent = 16;
    const auto layout = layout_for(options);
    const auto width = std::max(layout.width.value_or(usual_width), 2 * indent);
    std::string text;
    for (const auto& [check, value, status, meaning] : findings) {
        const bool warns = status == Status::warning;
        text += styled({{fmt::format("{} {:<13} ", warns ? '!' : ' ', check)},
                        {value, warns ? Style::warning : Style::none}},
                       layout.color) +
                '\n';
        if (!meaning.empty()) text += wrapped(meaning, width, indent) + '\n';
    }
    print_now(text);
}

std::string_view name_of(Status status) {
    constexpr std::array<std::string_view, 3> names{"good", "note", "warning"};
    return names.at(static_cast<std::size_t>(status));
}

}   // namespace

int run_doctor(const Options& options) {
    const auto findings = examine();
    if (options.format == Format::json || options.format == Format::json_lines) {
        auto document = header("doctor");
        auto& list = document["doctor"] = Json::array();
        for (const auto& [check, value, status, meaning] : findings)
            list.push_back({{"check", check}, {"value", value}, {"status", name_of(status)}, {"meaning", meaning}});
        print_now(dump(document) + '\n');
    } else if (options.format == Format::csv) {
        Table table({{"check"}, {"value"}, {"status"}, {"meaning"}});
        for (const auto& [check, value, status, meaning] : findings)
            table.add({check, value, std::string(name_of(status)), meaning});
        print_now(table.csv(options.header));
    } else {
        print_report(findings, options);
    }
    return exit_ok;
}

}   // namespace tamstat
