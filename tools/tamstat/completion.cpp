// SPDX-License-Identifier: MIT
// tamstat completion: what makes a shell complete the commands and options, written from their definition.
#include <algorithm>     // std::ranges::any_of, std::ranges::find
#include <array>         // std::array
#include <cstdio>        // std::fputs
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move, std::pair
#include <vector>        // std::vector

#include <CLI/CLI.hpp>

#include "columns.hpp"      // all_columns
#include "commands.hpp"     // run_completion
#include "completion.hpp"   // CommandLine and the shells
#include "exit_code.hpp"    // Failure
#include "parser.hpp"       // define

namespace tamstat {
namespace {

// CLI11 shows a fixed set as "TEXT:{auto,always,never}".
std::vector<std::string> choices_in(const std::string& type) {
    const auto open = type.find('{'), close = type.find('}');
    if (open == std::string::npos || close == std::string::npos) return {};
    return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

std::vector<std::string> column_keys() {
    std::vector<std::string> keys;
    for (const auto& column : all_columns()) keys.emplace_back(column.key);
    return keys;
}

// What stands for a value, by the name that it has in --help.
Argument argument_of(const CLI::Option& option) {
    const auto type = option.get_type_name();
    if (auto choices = choices_in(type); !choices.empty()) return {Candidates::words, std::move(choices)};
    const auto name = type.substr(0, type.find_first_of(":, "));
    if (name == "DIR") return {Candidates::directories, {}};
    if (name == "FILE") return {Candidates::files, {}};
    if (name == "PID") return {Candidates::pids, {}};
    if (name == "USER") return {Candidates::users, {}};
    if (name == "CMD") return {Candidates::programs, {}};
    if (name == "TOPIC") return {Candidates::words, {"terms", "columns", "exit-codes", "json"}};
    if (name.starts_with("COLUMN")) return {Candidates::list, column_keys()};
    return {};
}

CompletedOption option_of(const CLI::Option& option) {
    CompletedOption result{{}, option.get_description(), option.get_items_expected_max() > 0, argument_of(option)};
    for (const auto& name : option.get_snames()) result.names.push_back('-' + name);
    for (const auto& name : option.get_lnames()) result.names.push_back("--" + name);
    return result;
}

CompletedCommand command_of(CLI::App& app) {
    CompletedCommand result{app.get_name(), app.get_description(), {}, {}};
    for (const auto* const option : app.get_options({})) {
        if (option->get_group().empty()) continue;   // not shown in --help
        if (option->get_positional()) result.positional = argument_of(*option);
        else result.options.push_back(option_of(*option));
    }
    return result;
}

bool has_name(const CompletedCommand& command, const std::string& name) {
    return std::ranges::any_of(command.options, [&name](const CompletedOption& o) {
        return std::ranges::find(o.names, name) != o.names.end();
    });
}

CommandLine command_line() {
    Options options;
    CLI::App app;
    define(app, options);
    CommandLine result{command_of(app), {}};
    for (auto* const command : app.get_subcommands({})) result.commands.push_back(command_of(*command));
    auto& topics = std::ranges::find(result.commands, "help", &CompletedCommand::name)->positional.words;
    for (const auto& command : result.commands) topics.push_back(command.name);
    return result;
}

}   // namespace

std::vector<CompletedOption> CommandLine::options_of(const CompletedCommand& command) const {
    auto options = command.options;
    for (auto option : all.options) {
        std::erase_if(option.names, [&command](const std::string& name) { return has_name(command, name); });
        if (!option.names.empty()) options.push_back(std::move(option));
    }
    return options;
}

int run_completion(const Options& options) {
    constexpr std::array<std::pair<std::string_view, std::string (*)(const CommandLine&)>, 3> shells{
        {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}}};
    for (const auto& [shell, script] : shells) {
        if (shell != options.topic) continue;
        std::fputs(script(command_line()).c_str(), stdout);
        return exit_ok;
    }
    throw Failure(exit_usage, "completion: bash, zsh or fish, not '" + options.topic + "'");
}

}   // namespace tamstat
