// SPDX-License-Identifier: MIT
#include <string>        // std::string
#include <string_view>   // std::string_view

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "completion.hpp"

namespace tamstat {
namespace {

std::string in_quotes(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + '\'';
}

// -x: nothing but these; -r: with files.
std::string action(const Argument& argument) {
    const auto words = fmt::format("{}", fmt::join(argument.words, " "));
    switch (argument.candidates) {
    case Candidates::words: return "-x -a " + in_quotes(words);
    case Candidates::list: return "-x -a " + in_quotes("(__fish_complete_list , \"string split ' ' '" + words + "'\")");
    case Candidates::files: return "-r -F";
    case Candidates::directories: return "-x -a '(__fish_complete_directories)'";
    case Candidates::pids: return "-x -a '(__fish_complete_pids)'";
    case Candidates::users: return "-x -a '(__fish_complete_users)'";
    case Candidates::programs: return "-x -a '(__fish_complete_subcommand)'";
    case Candidates::nothing: break;
    }
    return "-x";
}

std::string complete(const CompletedOption& option, const std::string& condition) {
    std::string text = "complete -c tamstat -n " + in_quotes(condition);
    for (const auto& name : option.names)
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (option.takes_value) text += ' ' + action(option.value);
    return text + fmt::format(" -d {}\n", in_quotes(option.about));
}

}   // namespace

std::string fish_completion(const CommandLine& line) {
    std::string commands;
    for (const auto& command : line.commands) commands += (commands.empty() ? "" : " ") + command.name;
    const std::string none = "not __fish_seen_subcommand_from " + commands;

    std::string text = "# SPDX-License-Identifier: MIT\n# Made by tamstat completion fish.\ncomplete -c tamstat -f\n";
    for (const auto& option : line.all.options) text += complete(option, none);
    for (const auto& command : line.commands) {
        const std::string seen = "__fish_seen_subcommand_from " + command.name;
        text += fmt::format("complete -c tamstat -n {} -a {} -d {}\n", in_quotes(none), command.name,
                            in_quotes(command.about));
        if (command.positional.candidates != Candidates::nothing)
            text += fmt::format("complete -c tamstat -n {} {}\n", in_quotes(seen), action(command.positional));
        for (const auto& option : line.options_of(command)) text += complete(option, seen);
    }
    return text;
}

}   // namespace tamstat
