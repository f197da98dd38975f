// SPDX-License-Identifier: MIT
// tamstat snapshot: all processes as they are now, for tamstat diff. With --detail maps each with its mappings.
#include <cstdio>         // std::fputs
#include <string>         // std::string
#include <system_error>   // std::error_code
#include <utility>        // std::move

#include <fmt/format.h>

#include "atomic_file.hpp"         // replace_file
#include "collect.hpp"             // arrange, collect, totals_of, verdict
#include "commands.hpp"            // run_snapshot
#include "exit_code.hpp"           // Failure
#include "json.hpp"                // document, dump, to_json
#include "progress.hpp"            // Progress
#include "tamalloc/mappings.hpp"   // mappings

namespace tamstat {
namespace {

// Walks over the pages a second time, as the rows have no room for them: what the budget allowed once.
std::error_code read_mappings(const ProcessRow& row, const Options& options, Json& list) {
    const auto view = tamalloc::mappings(row.pid, options.procfs.c_str());
    if (!view) return view.error();
    for (const auto& mapping : *view) list.push_back(to_json(mapping));
    return view->error();
}

void add_mappings(const ProcessRow& row, const Options& options, Json& process) {
    Json list = Json::array();
    const auto error = row.cut() ? Unread{budget_spent} : unread(read_mappings(row, options, list));
    if (error.error == 0) {
        process["mappings"] = std::move(list);
    } else {
        process["mappings"] = nullptr;
        process["mappings_error"] = error_name(error.error);
    }
}

Json snapshot(const Options& options, const Collection& collection) {
    Json result = document("snapshot", collection, totals_of(collection.rows), options);
    Json& processes = result["processes"] = Json::array();
    Progress progress("reading mappings", collection.rows.size());
    for (const auto& row : collection.rows) {
        progress.at(processes.size());
        processes.push_back(to_json(row));
        if (options.detail == Detail::maps) add_mappings(row, options, processes.back());
    }
    return result;
}

}   // namespace

int run_snapshot(const Options& options) {
    auto collection = collect(options, needs(options, {}) | Need::oom);
    arrange(collection.rows, options);
    const auto text = dump(snapshot(options, collection)) + '\n';
    if (options.output.empty() || options.output == "-") std::fputs(text.c_str(), stdout);
    else if (const auto error = replace_file(options.output, text))
        throw Failure(exit_io, fmt::format("{}: {}", options.output, error.message()));
    return verdict(collection);
}

}   // namespace tamstat
