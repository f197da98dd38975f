// SPDX-License-Identifier: MIT
//
// How the program ends: docs/reference/exit-codes.md.
//
//   namespace tamstat {
//     enum ExitCode : int;
//     ExitCode code_of(std::error_code);        // of a file that cannot be read
//     class Failure;                            // thrown; main prints what() and exits with code()
//     void complain(std::string_view text);     // to stderr, unless --quiet; one line
//   }
#pragma once
#include <stdexcept>      // std::runtime_error
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code

namespace tamstat {

enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,        // some PID is missing, or a check failed
    exit_usage = 2,         // the command line is wrong
    exit_denied = 3,        // permission denied for everything that was asked
    exit_unsupported = 4,   // the source that was asked for is absent
    exit_io = 5,            // a file could not be read or written
};

/// \returns exit_denied, also where hidepid answers EPERM; else exit_io
[[nodiscard]] inline ExitCode code_of(std::error_code error) {
    return error == std::errc::permission_denied || error == std::errc::operation_not_permitted ? exit_denied : exit_io;
}

/// Ends the command: main prints "tamstat: " and the text, escaped for a terminal, and exits with the code.
class Failure : public std::runtime_error {
public:
    Failure(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

/// \effects prints "tamstat: " and the text, escaped for a terminal, as one line to stderr, unless silence(true) was called
void complain(std::string_view text);
void silence(bool quiet) noexcept;

}   // namespace tamstat
