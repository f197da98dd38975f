// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <cerrno>         // errno
#include <cstdio>         // std::fflush, std::fwrite, stdout
#include <system_error>   // std::generic_category

#include "exit_code.hpp"   // Failure

namespace tamstat {

void print_now(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
    throw Failure(exit_io, "stdout: " + std::generic_category().message(errno));
}

}   // namespace tamstat
