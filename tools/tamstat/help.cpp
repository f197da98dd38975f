// SPDX-License-Identifier: MIT
// tamstat help: pages of the documentation, and the options of a command.
#include <algorithm>     // std::max
#include <cstdio>        // std::fputs
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <CLI/CLI.hpp>

#include "columns.hpp"      // all_columns
#include "commands.hpp"     // run_help
#include "exit_code.hpp"    // Failure
#include "help_texts.hpp"   // glossary_page and others
#include "parser.hpp"       // define

namespace tamstat {
namespace {

// In lines that fit on a page: what people read from, not a table that is cut.
std::string columns_page() {
    std::size_t key = 0, source = 0;
    for (const auto& column : all_columns()) {
        key = std::max(key, column.key.size());
        source = std::max(source, column.source.size());
    }
    std::string text;
    for (const auto& column : all_columns()) {
        text += std::string(column.key).append(key + 2 - column.key.size(), ' ');
        text += std::string(column.source).append(source + 2 - column.source.size(), ' ');
        text += std::string(column.meaning) + '\n';
    }
    return text;
}

std::string options_page(const std::string& command) {
    Options options;
    CLI::App app;
    define(app, options);
    if (command.empty()) return app.help();
    for (const auto* const sub : app.get_subcommands({}))
        if (sub->get_name() == command)
            return sub->help("tamstat") + "Options it shares with other commands: tamstat --help\n";
    throw Failure(exit_usage,
                  "help: there is no page and no command '" + command + "'; pages: terms, columns, exit-codes, json");
}

std::string page(const std::string& topic) {
    if (topic == "terms") return without_marks(glossary_page);
    if (topic == "columns") return columns_page();
    if (topic == "exit-codes") return without_marks(exit_codes_page);
    if (topic == "json") return std::string(json_schema);
    return options_page(topic);
}

}   // namespace

int run_help(const Options& options) {
    std::fputs(page(options.topic).c_str(), stdout);
    return exit_ok;
}

}   // namespace tamstat
