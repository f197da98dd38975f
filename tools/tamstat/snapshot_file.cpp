// SPDX-License-Identifier: MIT
#include "snapshot_file.hpp"

#include <algorithm>      // std::min, std::ranges::equal, std::ranges::sort
#include <charconv>       // std::from_chars
#include <limits>         // std::numeric_limits
#include <stdexcept>      // std::runtime_error
#include <system_error>   // std::errc

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tamstat {
namespace {

using Json = nlohmann::json;

// Caught in parse_snapshot: what is wrong with the document.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

const Json& member(const Json& object, std::string_view key) {
    static const Json none;
    const auto place = object.find(key);
    return place == object.end() ? none : *place;
}

std::optional<std::uint64_t> number(const Json& object, std::string_view key) {
    const auto& value = member(object, key);
    if (value.is_null()) return std::nullopt;
    if (!value.is_number_unsigned()) throw Malformed(fmt::format("\"{}\" is no number of at least 0", key));
    return value.get<std::uint64_t>();
}

std::string text(const Json& object, std::string_view key) {
    const auto& value = member(object, key);
    if (value.is_null()) return {};
    if (!value.is_string()) throw Malformed(fmt::format("\"{}\" is no text", key));
    return value.get<std::string>();
}

// "2026-11-20T17:33:02Z": it is printed as it is.
std::string time(const Json& json) {
    constexpr std::string_view form = "0000-00-00T00:00:00Z";
    auto result = text(json, "time");
    const auto fits = [](char have, char want) { return want == '0' ? have >= '0' && have <= '9' : have == want; };
    if (!std::ranges::equal(result, form, fits)) throw Malformed(R"("time" is no time such as 2026-11-20T17:33:02Z)");
    return result;
}

const Json& list(const Json& object, std::string_view key) {
    const auto& value = member(object, key);
    if (!value.is_array()) throw Malformed(fmt::format("\"{}\" is no list", key));
    for (const auto& element : value)
        if (!element.is_object()) throw Malformed(fmt::format("\"{}\" holds something that is no object", key));
    return value;
}

// "0x7f41f1200000"
std::uint64_t address(const Json& object, std::string_view key) {
    const auto digits = text(object, key);
    const char* const end = digits.data() + digits.size();
    std::uint64_t result = 0;
    const auto [stop, error] =
        std::from_chars(digits.data() + std::min<std::size_t>(2, digits.size()), end, result, 16);
    if (!digits.starts_with("0x") || stop != end || error != std::errc{})
        throw Malformed(fmt::format("\"{}\" is no address", key));
    return result;
}

SnapshotMapping mapping_from(const Json& json) {
    SnapshotMapping mapping{address(json, "start"), address(json, "end"), number(json, "resident"), text(json, "kind"),
                            text(json, "path")};
    if (mapping.end <= mapping.start) throw Malformed("a mapping ends before it starts");
    return mapping;
}

std::vector<SnapshotMapping> mappings_from(const Json& process) {
    std::vector<SnapshotMapping> mappings;
    if (member(process, "mappings").is_null()) return mappings;
    for (const auto& json : list(process, "mappings")) mappings.push_back(mapping_from(json));
    std::ranges::sort(mappings, {}, &SnapshotMapping::start);
    for (std::size_t i = 1; i < mappings.size(); ++i)
        if (mappings[i].start < mappings[i - 1].end) throw Malformed("two mappings of a process overlap");
    return mappings;
}

SnapshotProcess process_from(const Json& json) {
    SnapshotProcess process{text(json, "comm"), {}, mappings_from(json)};
    for (std::size_t i = 0; i < figure_keys.size(); ++i) process.figures.at(i) = number(json, figure_keys.at(i));
    return process;
}

Snapshot::Identity identity(const Json& json) {
    const auto pid = number(json, "pid");
    if (!pid || *pid == 0 || *pid > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max()))
        throw Malformed("a process has no \"pid\"");
    return {static_cast<pid_t>(*pid), number(json, "start_ns").value_or(0)};
}

Snapshot snapshot_from(const Json& json) {
    if (!json.is_object() || member(json, "schema") != "tamstat/1") throw Malformed(R"("schema" is not "tamstat/1")");
    Snapshot snapshot{time(json), {}};
    for (const auto& process : list(json, "processes")) {
        const auto id = identity(process);
        if (!snapshot.processes.emplace(id, process_from(process)).second)
            throw Malformed(fmt::format("process {} is there twice", id.first));
    }
    return snapshot;
}

}   // namespace

tamalloc::expected<Snapshot, std::string> parse_snapshot(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return tamalloc::unexpected<std::string>("it is no JSON");
    try {
        return snapshot_from(json);
    } catch (const Malformed& why) {
        return tamalloc::unexpected<std::string>(why.what());
    }
}

}   // namespace tamstat
