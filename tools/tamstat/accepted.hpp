// SPDX-License-Identifier: MIT
//
// Which of the options that all commands share does something in which command.
//
//   namespace tamstat {
//     std::string refusal(const CLI::App&, const Options&);
//   }
#pragma once
#include <string>   // std::string

#include <CLI/CLI.hpp>

#include "options.hpp"   // Options

namespace tamstat {

/// \returns what is wrong with the shared options that were given to this command, which would do nothing; empty: nothing
/// \requires the command line has been parsed
[[nodiscard]] std::string refusal(const CLI::App& app, const Options& options);

}   // namespace tamstat
