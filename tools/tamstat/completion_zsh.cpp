// SPDX-License-Identifier: MIT
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "completion.hpp"

namespace tamstat {
namespace {

// Within '...', where _arguments reads brackets and colons.
std::string in_quotes(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\'') result += "'\\''";
        else if (c == '[' || c == ']' || c == ':' || c == '\\') result += {'\\', c};
        else result += c;
    }
    return result;
}

// ":what it is:how it is completed"
std::string action(const Argument& argument) {
    const auto words = fmt::format("{}", fmt::join(argument.words, " "));
    switch (argument.candidates) {
    case Candidates::words: return ":value:(" + words + ')';
    case Candidates::list: return ":columns:_sequence compadd - " + words;
    case Candidates::files: return ":file:_files";
    case Candidates::directories: return ":directory:_files -/";
    case Candidates::pids: return ":process:_pids";
    case Candidates::users: return ":user:_users";
    case Candidates::programs: return "::program:_normal";   // another command line
    case Candidates::nothing: break;
    }
    return ":value:";
}

// Names of one option exclude each other.
std::string specifications(const std::vector<CompletedOption>& options) {
    std::string text;
    for (const auto& option : options) {
        for (const auto& name : option.names) {
            const bool glued = option.takes_value && name.starts_with("--");   // --name=value, too
            text += fmt::format("        '({}){}{}[{}]{}' \\\n", fmt::join(option.names, " "), name, glued ? "=" : "",
                                in_quotes(option.about), option.takes_value ? action(option.value) : "");
        }
    }
    return text;
}

}   // namespace

std::string zsh_completion(const CommandLine& line) {
    std::string text =
        "#compdef tamstat\n# SPDX-License-Identifier: MIT\n# Made by tamstat completion zsh.\n\n"
        "_tamstat() {\n    local curcontext=$curcontext state line\n    typeset -A opt_args\n    local -a commands=(\n";
    for (const auto& command : line.commands)
        text += fmt::format("        '{}:{}'\n", command.name, in_quotes(command.about));
    text += "    )\n    _arguments -C -A '-*' \\\n" + specifications(line.all.options);
    text += "        '1:command:->command' \\\n        '*::argument:->argument' && return\n"
            "    if [[ $state == command ]]; then\n        _describe command commands\n        return\n    fi\n"
            "    case $line[1] in\n";
    for (const auto& command : line.commands)
        text += fmt::format("    {})\n        _arguments \\\n{}        '*{}'\n        ;;\n", command.name,
                            specifications(line.options_of(command)), action(command.positional));
    return text + "    esac\n}\n\n_tamstat \"$@\"\n";
}

}   // namespace tamstat
