// SPDX-License-Identifier: MIT
#include "metrics.hpp"

#include <algorithm>    // std::max, std::ranges::sort
#include <array>        // std::array
#include <functional>   // std::ranges::greater
#include <utility>      // std::move

#include <fmt/format.h>

#include "json.hpp"   // Json, dump

namespace tamstat {
namespace {

using tamalloc::MappingKind;

struct MemoryKind {
    std::string_view name;
    const ProcessRow::Bytes& (*of)(const ProcessRow&);
};

constexpr std::array<MemoryKind, 7> memory_kinds{{
    {"reserved", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.reserved; }},
    {"committed", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.committed; }},
    {"charged", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.of(MappingKind::charged); }},
    {"noreserve", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.of(MappingKind::noreserve); }},
    {"prot_none", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.of(MappingKind::none); }},
    {"swap", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.swap; }},
    {"pagetables", [](const ProcessRow& row) -> const ProcessRow::Bytes& { return row.page_tables; }},
}};

struct Group {
    std::string comm;   // where each process is a group
    std::uint64_t processes = 0;
    std::array<Reading<std::uint64_t>, memory_kinds.size()> memory = zeros();
    Reading<int> oom_score = 0;

    static std::array<Reading<std::uint64_t>, memory_kinds.size()> zeros() {
        std::array<Reading<std::uint64_t>, memory_kinds.size()> result;
        result.fill(std::uint64_t{0});
        return result;
    }
};

using Groups = std::map<std::string, Group>;

// A sum that lacks a summand is no sum.
template<class T, class Combine> void combine(Reading<T>& total, const Reading<T>& one, Combine how) {
    if (!total) return;
    if (one) total = how(*total, *one);
    else total = one.why();
}

void add(Group& group, const Group& other) {
    group.processes += other.processes;
    for (std::size_t i = 0; i < memory_kinds.size(); ++i)
        combine(group.memory.at(i), other.memory.at(i), tamalloc::detail::saturating_sum);
    combine(group.oom_score, other.oom_score, [](int a, int b) { return std::max(a, b); });
}

Group group_of(const ProcessRow& row) {
    Group group;
    group.processes = 1;
    for (std::size_t i = 0; i < memory_kinds.size(); ++i) group.memory.at(i) = memory_kinds.at(i).of(row);
    group.oom_score = row.oom_score;
    return group;
}

// A process whose group is not known is in none.
std::optional<std::string> name_of_group(const ProcessRow& row, GroupBy by) {
    if (by == GroupBy::pid) return std::to_string(row.pid);
    const auto& name = by == GroupBy::comm ? row.comm : row.cgroup;
    if (!name) return std::nullopt;
    return label_text(*name);
}

Groups groups_of(std::span<const ProcessRow> rows, GroupBy by) {
    Groups groups;
    for (const auto& row : rows) {
        const auto name = name_of_group(row, by);
        if (!name) continue;
        auto& group = groups[*name];
        add(group, group_of(row));
        if (by == GroupBy::pid && row.comm) group.comm = label_text(*row.comm);
    }
    return groups;
}

// A process may have the very name of the rest: then it is one of them.
Groups largest(Groups groups, std::size_t count) {
    std::vector<std::pair<std::uint64_t, std::string>> order;
    for (const auto& [name, group] : groups) order.emplace_back(group.memory[0].value_or(0), name);
    std::ranges::sort(order, std::ranges::greater());
    Groups result;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool kept = i < count;
        auto& place = result[kept ? order[i].second : "(rest)"];
        add(place, groups[order[i].second]);
        if (kept) place.comm = groups[order[i].second].comm;
    }
    return result;
}

std::vector<Label> labels_of(const std::string& name, const Group& group) {
    std::vector<Label> labels{{"group", name}};
    if (!group.comm.empty()) labels.push_back({"comm", group.comm});
    return labels;
}

MetricFamily group_memory(const Groups& groups) {
    MetricFamily family{
        "tamstat_group_memory_bytes",
        "bytes",
        false,
        "Memory of the processes of a group, by kind: what they reserved (address space), what is committed (RSS), "
        "and more of the glossary of tamstat.",
        {}};
    for (const auto& [name, group] : groups) {
        for (std::size_t i = 0; i < memory_kinds.size(); ++i) {
            if (!group.memory.at(i)) continue;
            auto labels = labels_of(name, group);
            labels.push_back({"kind", std::string(memory_kinds.at(i).name)});
            family.samples.push_back({std::move(labels), static_cast<double>(*group.memory.at(i))});
        }
    }
    return family;
}

MetricFamily group_processes(const Groups& groups) {
    MetricFamily family{"tamstat_group_processes", "", false, "Processes of a group.", {}};
    for (const auto& [name, group] : groups)
        family.samples.push_back({labels_of(name, group), static_cast<double>(group.processes)});
    return family;
}

MetricFamily group_oom_score(const Groups& groups) {
    MetricFamily family{"tamstat_group_oom_score_max",
                        "",
                        false,
                        "The highest OOM score in a group; the kernel ends the process with the highest of all.",
                        {}};
    for (const auto& [name, group] : groups)
        if (group.oom_score) family.samples.push_back({labels_of(name, group), static_cast<double>(*group.oom_score)});
    return family;
}

MetricFamily system_commit(const Scrape& scrape) {
    MetricFamily family{"tamstat_system_commit_bytes",
                        "bytes",
                        false,
                        "Memory that the kernel has promised (charged, Committed_AS) and its limit (CommitLimit).",
                        {}};
    if (scrape.charged) family.samples.push_back({{{"kind", "charged"}}, static_cast<double>(*scrape.charged)});
    if (scrape.charge_limit) family.samples.push_back({{{"kind", "limit"}}, static_cast<double>(*scrape.charge_limit)});
    return family;
}

MetricFamily errors(const Scrape& scrape) {
    MetricFamily family{"tamstat_scrape_errors",
                        "",
                        true,
                        "Processes that could not be read in full, by the error or, where time was up, \"budget\".",
                        {}};
    for (const auto& [reason, count] : scrape.errors)
        family.samples.push_back({{{"reason", reason}}, static_cast<double>(count)});
    return family;
}

}   // namespace

std::string label_text(std::string_view text) {
    const auto valid = Json::parse(dump(Json(text))).get<std::string>();
    std::string result;
    bool after_c2 = false;   // C1, which some terminals obey as well, is C2 80 to C2 9F
    for (const char c : valid) {
        const auto byte = static_cast<unsigned char>(c);
        if (after_c2 && byte < 0xa0) {
            result.pop_back();
            result += fmt::format("\\xc2\\x{:02x}", byte);
        } else if (byte < 0x20 || byte == 0x7f) result += fmt::format("\\x{:02x}", byte);
        else result += c;
        after_c2 = byte == 0xc2;
    }
    return result;
}

ScrapeErrors scrape_errors(std::span<const ProcessRow> rows) {
    ScrapeErrors errors{{"EACCES", 0}, {"EPERM", 0}, {"budget", 0}};   // a counter must be there before it counts
    for (const auto& row : rows) {
        const int error = row.first_error() == 0 && row.cut() ? budget_spent : row.first_error();
        if (error != 0) ++errors[std::string(error_name(error))];
    }
    return errors;
}

std::vector<MetricFamily> metrics(const Scrape& scrape, GroupBy by, std::optional<std::size_t> top) {
    auto groups = groups_of(scrape.rows, by);
    if (top) groups = largest(std::move(groups), *top);
    return {
        group_memory(groups),
        group_processes(groups),
        group_oom_score(groups),
        system_commit(scrape),
        errors(scrape),
        {"tamstat_scrape_duration_seconds", "seconds", false, "How long the reading took.", {{{}, scrape.seconds}}}};
}

}   // namespace tamstat
