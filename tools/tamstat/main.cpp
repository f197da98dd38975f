// SPDX-License-Identifier: MIT
// tamstat: what reserved memory is made of.
#include <algorithm>     // std::ranges::find
#include <array>         // std::array
#include <clocale>       // std::setlocale
#include <cstdio>        // std::ferror, std::fflush
#include <cstring>       // std::strerror
#include <exception>     // std::exception
#include <string_view>   // std::string_view

#include "commands.hpp"    // run_ps and its kin
#include "exit_code.hpp"   // ExitCode, Failure, complain
#include "parser.hpp"      // parse

namespace {

using namespace tamstat;

struct Command {
    std::string_view name;
    int (*run)(const Options&);
};
constexpr std::array<Command, 14> commands{{{"ps", run_ps},
                                            {"show", run_show},
                                            {"maps", run_maps},
                                            {"top", run_top},
                                            {"sys", run_sys},
                                            {"oom", run_oom},
                                            {"demo", run_demo},
                                            {"snapshot", run_snapshot},
                                            {"diff", run_diff},
                                            {"run", run_run},
                                            {"export", run_export},
                                            {"doctor", run_doctor},
                                            {"help", run_help},
                                            {"completion", run_completion}}};

// What was printed must have arrived; a pipe that nobody reads any more ends the program by SIGPIPE before.
int flushed(int status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    complain(std::string("standard output: ") + std::strerror(errno));
    return exit_io;
}

int run(int argc, char** argv) {
    Options options;
    if (const auto status = parse(argc, argv, options)) return *status;
    silence(options.quiet);
    return std::ranges::find(commands, options.command, &Command::name)->run(options);
}

}   // namespace

int main(int argc, char** argv) {
    std::setlocale(LC_CTYPE, "");   // what is a character on the terminal; figures stay as in C
    try {
        return flushed(run(argc, argv));
    } catch (const Failure& failure) {
        if (flushed(exit_ok) != exit_ok) return exit_io;    // which may be what has failed
        if (failure.code() == exit_usage) silence(false);   // as of an option that the parser does not know
        complain(failure.what());
        return failure.code();
    } catch (const std::exception& error) {
        complain(error.what());
        return exit_io;
    }
}
