// SPDX-License-Identifier: MIT
//
// The command line: all commands and options, defined once; help and completion are made from it.
//
//   namespace tamstat {
//     void define(CLI::App&, Options&);
//     int parse(int argc, const char* const* argv, Options&);
//   }
#pragma once
#include <CLI/CLI.hpp>

#include "options.hpp"   // Options

namespace tamstat {

/// \effects adds the commands and options of tamstat; parsing writes into `options`, which must live as long
void define(CLI::App& app, Options& options);

/// \returns whether there is a command to run; else the exit status (0: help or version was printed)
/// \effects prints what is wrong to stderr
[[nodiscard]] std::optional<int> parse(int argc, const char* const* argv, Options& options);

}   // namespace tamstat
