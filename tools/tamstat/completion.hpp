// SPDX-License-Identifier: MIT
//
// Completion scripts for shells, from a description of the command line.
//
//   namespace tamstat {
//     enum class Candidates;
//     struct Argument; struct CompletedOption; struct CompletedCommand; struct CommandLine;
//     std::string bash_completion(const CommandLine&);
//     std::string zsh_completion(const CommandLine&);
//     std::string fish_completion(const CommandLine&);
//   }
#pragma once
#include <string>   // std::string
#include <vector>   // std::vector

namespace tamstat {

/// What an argument is completed with; list: words, separated by commas.
enum class Candidates : unsigned char { nothing, words, list, files, directories, pids, users, programs };

struct Argument {
    Candidates candidates = Candidates::nothing;
    std::vector<std::string> words;
};

struct CompletedOption {
    std::vector<std::string> names;   // with their dashes
    std::string about;
    bool takes_value;
    Argument value;
};

struct CompletedCommand {
    std::string name, about;
    std::vector<CompletedOption> options;
    Argument positional;   // each of them
};

struct CommandLine {
    CompletedCommand all;   // whose options may stand behind each command as well
    std::vector<CompletedCommand> commands;

    /// \returns the options that may stand behind a command, its own first; a name of its own hides the same name of all
    [[nodiscard]] std::vector<CompletedOption> options_of(const CompletedCommand& command) const;
};

/// \returns a script to be read by the shell; for `tamstat` only
[[nodiscard]] std::string bash_completion(const CommandLine& line);
[[nodiscard]] std::string zsh_completion(const CommandLine& line);
[[nodiscard]] std::string fish_completion(const CommandLine& line);

}   // namespace tamstat
