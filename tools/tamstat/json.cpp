// SPDX-License-Identifier: MIT
#include "json.hpp"

#include <algorithm>     // std::ranges::find
#include <array>         // std::array
#include <cmath>         // std::round
#include <cstdio>        // std::fputs
#include <ctime>         // std::gmtime, std::strftime, std::time
#include <type_traits>   // std::is_same_v
#include <utility>       // std::move
#include <variant>       // std::visit

#include <sys/utsname.h>   // uname

#include <fmt/format.h>

#include "columns.hpp"            // all_columns
#include "tamalloc/version.hpp"   // TAMALLOC_VERSION_STRING

namespace tamstat {
namespace {

constexpr std::array<const char*, 3> sources{"procfs", "module", "syscall"};   // by Provenance

std::string now() {
    const auto time = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&time, &utc);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

// Six digits: of a share more are noise.
double rounded(double value) { return std::round(value * 1e6) / 1e6; }

Json json_of(const Value& value) {
    return std::visit(
        []<class T>(const T& v) -> Json {
            if constexpr (std::is_same_v<T, Unread>) return nullptr;
            else if constexpr (std::is_same_v<T, double>) return rounded(v);
            else return v;
        },
        value);
}

void put_error(Json& object, const std::string& key, Unread why) {
    if (why.error != 0) object[key + "_error"] = error_name(why.error);
}

void put(Json& object, const std::string& key, const Value& value) {
    object[key] = json_of(value);
    if (const auto* const why = std::get_if<Unread>(&value)) put_error(object, key, *why);
}

bool is_unasked(const Value& value) {
    const auto* const why = std::get_if<Unread>(&value);
    return why != nullptr && why->error == 0;
}

// Where a column stands that does not stand at the top.
struct Place {
    std::string_view column;
    const char* key;   // in "oom"
};
constexpr std::array<Place, 3> in_oom{{{"oom", "score"}, {"adj", "adj"}, {"oomshare", "share_permille"}}};

const Place* place_of(std::string_view column) {
    const auto* const found = std::ranges::find(in_oom, column, &Place::column);
    return found == in_oom.end() ? nullptr : found;
}

bool is_kind(std::string_view column) {
    for (std::size_t i = 0; i != tamalloc::mapping_kinds; ++i)
        if (column == name_of(static_cast<tamalloc::MappingKind>(i))) return true;
    return false;
}

// All of them or none.
void put_kinds(Json& json, const ProcessRow& row) {
    if (!row.kinds.front()) {
        put(json, "kinds", row.kinds.front());
        return;
    }
    auto& kinds = json["kinds"];
    for (std::size_t i = 0; i != row.kinds.size(); ++i)
        kinds[std::string(name_of(static_cast<tamalloc::MappingKind>(i)))] = *row.kinds.at(i);
}

void put_column(Json& json, const Column& column, const ProcessRow& row) {
    const auto value = column.value(row);
    const bool usual = column.need == Need::nothing || column.need == Need::oom || column.need == Need::rollup;
    if (is_unasked(value) && !usual) return;   // stands there when it was asked for
    if (is_kind(column.key)) {
        if (column.key == name_of(tamalloc::MappingKind::none)) put_kinds(json, row);
    } else if (const auto* const place = place_of(column.key)) {
        put(json["oom"], place->key, value);
    } else {
        put(json, std::string(column.key), value);
    }
}

std::string address(std::uint64_t a) { return fmt::format("{:#x}", a); }

Json words(std::string_view text) {
    auto list = Json::array();
    while (!text.empty()) {
        const auto end = text.find(' ');
        list.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return list;
}

}   // namespace

Json header(std::string_view command) {
    utsname names{};
    return {{"schema", "tamstat/1"},
            {"command", command},
            {"tool", TAMALLOC_VERSION_STRING},
            {"time", now()},
            {"source", sources.front()},
            {"kernel", ::uname(&names) == 0 ? names.release : "unknown"},
            {"units", "bytes"}};
}

void put(Json& object, const std::string& key, const Reading<std::uint64_t>& value) {
    if (value) object[key] = *value;
    else object[key] = nullptr;
    put_error(object, key, value.why());
}

Json document(std::string_view command, const Collection& collection, const Totals& totals, const Options& options) {
    auto json = header(command);
    json["source"] = sources.at(static_cast<std::size_t>(collection.from));
    json["kernel"] = collection.kernel;
    auto& sums = json["totals"];
    sums["processes"] = totals.processes;
    sums["reserved"] = totals.reserved;
    sums["committed"] = totals.committed;
    put(sums, "charged", totals.charged);
    if (totals.charged) {
        const auto commit = commit_charge(options);
        put(sums, "committed_as", commit.charged);
        if (const auto rest = residual(totals, commit)) sums["residual"] = *rest;
        else sums["residual"] = nullptr;
    }
    sums["unreadable"] = totals.unreadable;
    sums["exited"] = collection.exited;
    sums["cut_by_budget"] = totals.cut;
    sums["saturated"] = totals.saturated;
    return json;
}

Json to_json(const ProcessRow& row) {
    Json json;
    for (const auto& column : all_columns()) {
        put_column(json, column, row);
        if (column.key == "pid") put(json, "start_ns", row.start_ns);
    }
    return json;
}

std::vector<Json> to_json(std::span<const ProcessRow> rows) {
    std::vector<Json> all;
    for (const auto& row : rows) all.push_back(to_json(row));
    return all;
}

Json to_json(const tamalloc::Mapping& m) {
    return {{"start", address(m.first)},
            {"end", address(m.last)},
            {"size", m.size()},
            {"perms", std::string(m.permissions.begin(), m.permissions.end())},
            {"kind", name_of(m.kind)},
            {"resident", m.resident},
            {"fill", rounded(static_cast<double>(m.resident) / static_cast<double>(m.size()))},
            {"pss", m.pss},
            {"uss", m.uss},
            {"swap", m.swap},
            {"thp", m.huge},
            {"flags", words(m.flags)},
            {"path", m.path}};
}

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

void print_json(Json document, std::vector<Json> processes, const Options& options) {
    if (options.format == Format::json_lines) {
        for (const auto& process : processes) std::fputs((dump(process) + '\n').c_str(), stdout);
        return;
    }
    document["processes"] = std::move(processes);
    std::fputs((dump(document) + '\n').c_str(), stdout);
}

}   // namespace tamstat
