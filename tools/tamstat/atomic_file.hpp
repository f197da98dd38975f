// SPDX-License-Identifier: MIT
//
// A file that others read while it is replaced.
//
//   namespace tamstat {
//     std::error_code replace_file(const std::string& path, std::string_view text);
//     std::error_code check_replaceable(const std::string& path);
//   }
#pragma once
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code

namespace tamstat {

/// \effects whoever opens the path sees all of the old text or all of the new, also after a crash; a new file has mode
/// 0666 less the umask, an old one keeps its mode. Writes into what is no regular file, such as a pipe or a device.
/// \errors those of open(2), write(2), fsync(2), rename(2); then the old file is as it was, and nothing is left beside it
/// \requires no other thread of this process does the same
[[nodiscard]] std::error_code replace_file(const std::string& path, std::string_view text);

/// \returns whether replace_file can create, or open, what it writes; it may still run out of space
/// \effects none that stay
[[nodiscard]] std::error_code check_replaceable(const std::string& path);

}   // namespace tamstat
