// SPDX-License-Identifier: MIT
//
// Conditions such as: reserved > 1GiB and fill < 5% and not comm ~ 'node|java'
//
//   namespace tamstat {
//     enum class Kind;
//     struct FilterError;
//     class Filter;
//   }
//
//   condition  = term { "or" term }
//   term       = factor { "and" factor }
//   factor     = "not" factor | "(" condition ")" | column operator literal
//   operator   = "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "~" | "!~"      the last two: a regular expression (POSIX, extended)
//   literal    = a word or number such as 5, -1000, 5%, 1.5GiB, node, or any text in '' or ""
#pragma once
#include <cstddef>       // std::size_t
#include <functional>    // std::function
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move

#include "tamalloc/expected.hpp"   // expected
#include "value.hpp"               // Value

namespace tamstat {

/// What a column holds, which decides what it may be compared with: a size, a number, a percentage, a text.
enum class Kind : unsigned char { bytes, count, ratio, text };

/// What is wrong with a condition, and where.
struct FilterError {
    std::string condition;
    std::size_t position = 0;   // in bytes from the beginning
    std::string message;

    /// \returns the message, the condition, and a caret below the place; for a terminal, no newline at the end
    [[nodiscard]] std::string text() const;
};

/// A condition about one row. Any thread.
class Filter {
public:
    /// What a column of that name holds; nothing: there is none.
    using Kinds = std::function<std::optional<Kind>(std::string_view)>;
    /// What the row has in the column of that name.
    using Values = std::function<Value(std::string_view)>;

    [[nodiscard]] static tamalloc::expected<Filter, FilterError> parse(std::string_view condition, const Kinds& kinds);

    /// \returns whether the condition certainly holds: a comparison with what is not known is neither true nor false, nor is
    /// its negation
    [[nodiscard]] bool operator()(const Values& values) const;

private:
    using Condition = std::function<std::optional<bool>(const Values&)>;   // nothing: not known

    explicit Filter(Condition condition) : condition_(std::move(condition)) {}

    Condition condition_;
};

}   // namespace tamstat
