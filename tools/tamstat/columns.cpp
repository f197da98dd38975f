// SPDX-License-Identifier: MIT
#include "columns.hpp"

#include <algorithm>     // std::min, std::ranges::find
#include <array>         // std::array
#include <cmath>         // std::abs
#include <map>           // std::map
#include <type_traits>   // std::is_same_v, std::is_signed_v
#include <variant>       // std::visit

#include <pwd.h>   // getpwuid

#include <fmt/format.h>

#include "exit_code.hpp"   // Failure

namespace tamstat {
namespace {

template<class T> Value value_of_reading(const Reading<T>& reading) {
    if (!reading) return reading.why();
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, double>) return *reading;
    else if constexpr (std::is_signed_v<T>) return std::int64_t{*reading};
    else return std::uint64_t{*reading};
}

template<auto Member> Value member(const ProcessRow& row) {
    if constexpr (requires { (row.*Member)(); }) return value_of_reading((row.*Member)());
    else return value_of_reading(row.*Member);
}

template<tamalloc::MappingKind Kind> Value kind(const ProcessRow& row) { return value_of_reading(row.of(Kind)); }

Value pid(const ProcessRow& row) { return std::int64_t{row.pid}; }

Value user(const ProcessRow& row) {
    static std::map<uid_t, std::string> names;   // each name is a walk through the password database
    if (!row.uid) return row.uid.why();
    auto& name = names[*row.uid];
    if (name.empty()) {
        const auto* const entry = ::getpwuid(*row.uid);
        name = entry == nullptr ? std::to_string(*row.uid) : entry->pw_name;
    }
    return name;
}

Value limit(const ProcessRow& row) {
    if (row.memory_limit && row.address_limit) return std::min(*row.memory_limit, *row.address_limit);
    return value_of_reading(row.memory_limit ? row.memory_limit : row.address_limit);
}

using Kind = tamalloc::MappingKind;
using Row = ProcessRow;
using enum ColumnType;

constexpr std::array columns{
    Column{{"pid", "PID", number, Need::nothing, "the directory's name", "process id"}, pid},
    Column{{"ppid", "PPID", number, Need::nothing, "status:PPid", "id of the parent"}, member<&Row::parent>},
    Column{{"user", "USER", text, Need::nothing, "status:Uid", "name of the real user, or the number"}, user},
    Column{{"comm", "COMM", text, Need::nothing, "stat", "name that the kernel knows it by"}, member<&Row::comm>},
    Column{{"cmdline", "CMDLINE", text, Need::cmdline, "cmdline", "command line, which may hold secrets"},
           member<&Row::cmdline>},
    Column{{"cgroup", "CGROUP", text, Need::cgroup, "cgroup", "control group"}, member<&Row::cgroup>},
    Column{{"reserved", "RESERVED", bytes, Need::nothing, "status:VmSize", "address space"}, member<&Row::reserved>},
    Column{{"committed", "COMMITTED", bytes, Need::nothing, "status:VmRSS", "address space with memory behind it"},
           member<&Row::committed>},
    Column{{"anon", "ANON", bytes, Need::extra, "status:RssAnon", "committed, of no file"}, member<&Row::anon>},
    Column{{"filepages", "FILEPAGES", bytes, Need::extra, "status:RssFile", "committed, of files"},
           member<&Row::file_resident>},
    Column{{"shmem", "SHMEM", bytes, Need::extra, "status:RssShmem", "committed, shared memory and tmpfs"},
           member<&Row::shmem>},
    Column{{"fill", "FILL", share, Need::nothing, "committed / reserved", "how much of the reserve has memory"},
           member<&Row::fill>},
    Column{{"untouched", "UNTOUCHED", bytes, Need::nothing, "reserved - committed - swap - zero",
            "address space that nothing is behind; zero only with --detail maps"},
           member<&Row::untouched>},
    Column{{"none", "PROT_NONE", bytes, Need::maps, "smaps: permissions ---", "reserved, may not be touched"},
           kind<Kind::none>},
    Column{{"noreserve", "NORESERVE", bytes, Need::maps, "smaps: VmFlags nr", "reserved without a charge"},
           kind<Kind::noreserve>},
    Column{{"charged", "CHARGED", bytes, Need::maps, "smaps: VmFlags ac", "reserved and promised (Committed_AS)"},
           kind<Kind::charged>},
    Column{{"file", "FILE", bytes, Need::maps, "smaps: path", "reserved for files"}, kind<Kind::file>},
    Column{{"other", "OTHER", bytes, Need::maps, "smaps", "reserved, none of these"}, kind<Kind::other>},
    Column{{"zero", "ZERO", bytes, Need::maps, "pagemap: PAGEMAP_SCAN",
            "read from the shared zero page: page tables, no memory (Linux 6.7)"},
           member<&Row::zero>},
    Column{{"swap", "SWAP", bytes, Need::nothing, "status:VmSwap", "in swap space"}, member<&Row::swap>},
    Column{{"pte", "PTE", bytes, Need::nothing, "status:VmPTE", "page tables"}, member<&Row::page_tables>},
    Column{{"peak_reserved", "PEAK_RES", bytes, Need::nothing, "status:VmPeak", "largest reserved so far"},
           member<&Row::peak_reserved>},
    Column{{"peak", "PEAK", bytes, Need::nothing, "status:VmHWM", "largest committed so far"}, member<&Row::peak>},
    Column{{"pss", "PSS", bytes, Need::rollup, "smaps_rollup:Pss",
            "committed; of a page that n processes share, the n-th part"},
           member<&Row::pss>},
    Column{{"uss", "USS", bytes, Need::rollup, "smaps_rollup:Private_*", "committed and shared with nobody"},
           member<&Row::uss>},
    Column{{"thp", "THP", bytes, Need::rollup, "smaps_rollup:AnonHugePages", "in transparent huge pages"},
           member<&Row::huge>},
    Column{{"vmas", "VMAS", number, Need::maps, "smaps", "mappings; vm.max_map_count limits them"},
           member<&Row::mappings>},
    Column{{"minflt", "MINFLT", number, Need::extra, "stat: field 10", "page faults without reading a disk"},
           member<&Row::minor_faults>},
    Column{{"majflt", "MAJFLT", number, Need::extra, "stat: field 12", "page faults that read a disk"},
           member<&Row::major_faults>},
    Column{{"oom", "OOM", number, Need::oom, "oom_score", "the kernel's score; 666 is idle and of usual size"},
           member<&Row::oom_score>},
    Column{{"adj", "ADJ", number, Need::oom, "oom_score_adj", "adjustment, -1000 (never killed) to 1000"},
           member<&Row::oom_score_adj>},
    Column{{"oomshare", "OOMSHARE", permille, Need::oom, "oom_score * 3/2 - 1000",
            "thousandths of RAM and swap that the score stands for, adjustment included"},
           member<&Row::oom_share>},
    Column{{"limit", "LIMIT", bytes, Need::cgroup, "memory.max, limits", "the least memory.max, or RLIMIT_AS"}, limit},
    Column{{"growth", "GROWTH", rate, Need::growth, "committed, twice", "growth of committed since the last sample"},
           member<&Row::growth>},
};

std::string percent(double share) {
    const auto value = share * 100;
    return fmt::format("{:.{}f}%", value, value < 1 ? 2 : 1);
}

std::string signed_rate(std::int64_t rate, Units units) {
    const auto magnitude = rate < 0 ? 0 - static_cast<std::uint64_t>(rate) : static_cast<std::uint64_t>(rate);
    const auto text = format_bytes(magnitude, units) + "/s";
    if (rate < 0) return "-" + text;
    return (rate > 0 ? "+" : "") + text;
}

const Column& known_column(std::string_view key) {
    if (const auto* const column = find_column(key)) return *column;
    throw Failure(exit_usage, fmt::format("there is no column \"{}\": see tamstat help columns", key));
}

// Takes what is before the next comma.
std::string_view take_item(std::string_view& list) {
    const auto comma = list.find(',');
    const auto item = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    return item;
}

}   // namespace

std::span<const Column> all_columns() noexcept { return columns; }

const Column* find_column(std::string_view key) noexcept {
    const auto* const found = std::ranges::find(columns, key, &Column::key);
    return found == columns.end() ? nullptr : found;
}

std::vector<const Column*> choose_columns(std::string_view asked, std::span<const std::string_view> usual) {
    std::vector<const Column*> chosen;
    const bool changes = asked.empty() || asked.front() == '+' || asked.front() == '-';
    if (changes)
        for (const auto key : usual) chosen.push_back(&known_column(key));
    while (!asked.empty()) {
        auto key = take_item(asked);
        const bool remove = key.starts_with('-');
        if (changes && (remove || key.starts_with('+'))) key.remove_prefix(1);
        const auto* const column = &known_column(key);
        std::erase(chosen, column);
        if (!remove) chosen.push_back(column);
    }
    if (chosen.empty()) throw Failure(exit_usage, "--columns leaves no column");
    return chosen;
}

std::string cell(ColumnType type, const Value& value, Units units) {
    return std::visit(
        [&]<class T>(const T& v) -> std::string {
            if constexpr (std::is_same_v<T, Unread>) return "-";
            else if constexpr (std::is_same_v<T, std::string>) return v;
            else if constexpr (std::is_same_v<T, double>) return type == share ? percent(v) : fmt::format("{:.1f}", v);
            else if constexpr (std::is_same_v<T, std::int64_t>)
                return type == rate ? signed_rate(v, units) : std::to_string(v);
            else return type == bytes ? format_bytes(v, units) : std::to_string(v);
        },
        value);
}

std::string raw_cell(const Value& value) {
    return std::visit(
        []<class T>(const T& v) -> std::string {
            if constexpr (std::is_same_v<T, Unread>) return "";
            else if constexpr (std::is_same_v<T, double>) return fmt::format("{:.6g}", v);
            else return fmt::format("{}", v);
        },
        value);
}

Value value_of(std::string_view key, const ProcessRow& row) {
    const auto* const column = find_column(key);
    return column == nullptr ? Value(Unread{}) : column->value(row);
}

}   // namespace tamstat
