// SPDX-License-Identifier: MIT
//
// What goes to stdout while the command goes on.
//
//   namespace tamstat {
//     void print_now(std::string_view);
//   }
#pragma once
#include <string_view>   // std::string_view

namespace tamstat {

/// \effects prints and flushes, so that who reads along gets it at once
/// \throws Failure exit_io: it could not be written
void print_now(std::string_view text);

}   // namespace tamstat
