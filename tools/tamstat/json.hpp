// SPDX-License-Identifier: MIT
//
// The JSON documents, schema tamstat/1: docs/reference/json.md.
//
//   namespace tamstat {
//     using Json = nlohmann::ordered_json;
//     Json header(std::string_view command);                      // of every document
//     Json document(command, const Collection&, const Totals&, const Options&);   // header and totals
//     Json to_json(const ProcessRow&);
//     Json to_json(const tamalloc::Mapping&);
//     std::string dump(const Json&);                              // never throws for what is no UTF-8
//     void print_json(Json document, std::vector<Json> processes, const Options&);
//   }
#pragma once
#include <cstdint>       // std::uint64_t
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <nlohmann/json.hpp>

#include "collect.hpp"             // Collection, Totals
#include "process_row.hpp"         // ProcessRow
#include "tamalloc/mappings.hpp"   // Mapping
#include "value.hpp"               // Reading

namespace tamstat {

using Json = nlohmann::ordered_json;

/// \returns {"schema": "tamstat/1", "command": ..., "tool": ..., "time": ..., "source": "procfs", "kernel": ...,
/// "units": "bytes"}, to be continued
[[nodiscard]] Json header(std::string_view command);

/// \returns the header with the collection's source and kernel, and totals, to be continued
[[nodiscard]] Json document(std::string_view command, const Collection& collection, const Totals& totals,
                            const Options& options);

/// \effects sets key to the value; or to null, and key_error to the name of the errno where it could not be read
void put(Json& object, const std::string& key, const Reading<std::uint64_t>& value);

/// \returns a key for each figure that was asked for
[[nodiscard]] Json to_json(const ProcessRow& row);
[[nodiscard]] std::vector<Json> to_json(std::span<const ProcessRow> rows);
[[nodiscard]] Json to_json(const tamalloc::Mapping& mapping);

/// \returns one line of ASCII, which no terminal takes for a command; what is no UTF-8 becomes U+FFFD
[[nodiscard]] std::string dump(const Json& json);

/// \effects writes a document to stdout, one line; with --json-lines one for each process
void print_json(Json document, std::vector<Json> processes, const Options& options);

}   // namespace tamstat
