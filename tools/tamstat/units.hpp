// SPDX-License-Identifier: MIT
//
// Sizes as people read and write them.
//
//   namespace tamstat {
//     enum class Units;
//     std::string format_bytes(std::uint64_t, Units = Units::automatic);
//     std::optional<std::uint64_t> parse_size(std::string_view);
//   }
#pragma once
#include <cstdint>       // std::uint64_t
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view

namespace tamstat {

/// What figures are shown in. automatic: the unit in which there are less than 1000.
enum class Units : unsigned char { automatic, kib, mib, gib, bytes };

/// \returns such as "17.2 GiB", "376 KiB", "0"; with Units::bytes the bare number
[[nodiscard]] std::string format_bytes(std::uint64_t bytes, Units units = Units::automatic);

/// Reads "4096", "64 KiB", "1.5GiB", "10MB", in any case. K, KB, M, MB, ... are powers of 1000, Ki, KiB, ... of 1024; no
/// unit or B is bytes. What a fraction leaves of a byte is dropped.
/// \returns bytes; nothing where the text says something else, or more than 2^64 - 1
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}   // namespace tamstat
