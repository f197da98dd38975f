// SPDX-License-Identifier: MIT
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "completion.hpp"

namespace tamstat {
namespace {

constexpr std::string_view beginning = R"(# SPDX-License-Identifier: MIT
# Made by tamstat completion bash.

# Words for what stands behind the last comma and sign.
_tamstat_list() {
    local last=${current##*[,+-]}
    mapfile -t COMPREPLY < <(compgen -P "${current%"$last"}" -W "$1" -- "$last")
    compopt -o nospace
}

_tamstat_fill() { mapfile -t COMPREPLY < <(compgen "$@" -- "$current"); }

_tamstat() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' word
    if [[ $current == = ]]; then current=''; fi
    if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $word in
)";

// Behind `run --` stands another command.
constexpr std::string_view run_words = R"(    if [[ $command == run && $previous == -- ]]; then
        _tamstat_fill -c
        return
    elif [[ $command == run && " ${COMP_WORDS[*]:1:COMP_CWORD - 1} " == *' -- '* ]]; then
        _tamstat_fill -f
        compopt -o filenames
        return
    fi
)";

// What the shell does for an argument.
std::string fill(const Argument& argument) {
    switch (argument.candidates) {
    case Candidates::words: return fmt::format("_tamstat_fill -W '{}'", fmt::join(argument.words, " "));
    case Candidates::list: return fmt::format("_tamstat_list '{}'", fmt::join(argument.words, " "));
    case Candidates::files: return "_tamstat_fill -f; compopt -o filenames";
    case Candidates::directories: return "_tamstat_fill -d; compopt -o filenames";
    case Candidates::pids: return "_tamstat_fill -W \"$(cd /proc && echo [0-9]*)\"";
    case Candidates::users: return "_tamstat_fill -u";
    case Candidates::programs: return "_tamstat_fill -c";
    case Candidates::nothing: break;
    }
    return "COMPREPLY=()";
}

// The values of options behind a command; behind none or any where that is "*".
std::string values(std::string_view command, const std::vector<CompletedOption>& options) {
    std::string text;
    for (const auto& option : options) {
        if (!option.takes_value) continue;
        std::string patterns;
        for (const auto& name : option.names)
            patterns += fmt::format("{}{}' {}'", patterns.empty() ? "" : " | ", command, name);
        text += fmt::format("        {})\n            {}\n            return ;;\n", patterns, fill(option.value));
    }
    return text;
}

std::string names(const std::vector<CompletedOption>& options) {
    std::string text;
    for (const auto& option : options)
        for (const auto& name : option.names) text += (text.empty() ? "" : " ") + name;
    return text;
}

}   // namespace

std::string bash_completion(const CommandLine& line) {
    std::string commands;
    for (const auto& command : line.commands) commands += (commands.empty() ? "" : " ") + command.name;

    std::string text(beginning);
    for (const auto& command : line.commands)
        text += fmt::format("            {}) command=$word && break ;;\n", command.name);
    text += "        esac\n    done\n";
    text += run_words;
    text += "    case \"$command $previous\" in\n";
    for (const auto& command : line.commands) text += values(command.name, command.options);
    text += values("*", line.all.options);
    text += "    esac\n    if [[ $current == -* ]]; then\n        case $command in\n";
    for (const auto& command : line.commands)
        text += fmt::format("        {}) _tamstat_fill -W '{}' ;;\n", command.name, names(line.options_of(command)));
    text +=
        fmt::format("        *) _tamstat_fill -W '{}' ;;\n        esac\n        return\n    fi\n    case $command in\n",
                    names(line.all.options));
    for (const auto& command : line.commands)
        text += fmt::format("    {}) {} ;;\n", command.name, fill(command.positional));
    text += fmt::format("    *) _tamstat_fill -W '{}' ;;\n    esac\n}}\ncomplete -F _tamstat tamstat\n", commands);
    return text;
}

}   // namespace tamstat
