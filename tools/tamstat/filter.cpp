// SPDX-License-Identifier: MIT
#include "filter.hpp"

#include <algorithm>   // std::ranges::all_of
#include <cctype>      // std::isdigit, std::isspace
#include <cstdint>     // std::int64_t, std::uint64_t
#include <cstdlib>     // std::strtod
#include <variant>     // std::get_if
#include <vector>      // std::vector

#include <fmt/format.h>   // fmt::format

#include "regex.hpp"   // Regex
#include "text.hpp"    // display_width, escaped
#include "units.hpp"   // parse_size

namespace tamstat {

namespace {

using Condition = std::function<std::optional<bool>(const Filter::Values&)>;

// Sizes beyond 2^53 are rounded to a multiple of 2, 4, ...: less than a page.
std::optional<double> number_in(const Value& value) {
    if (const auto* const n = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*n);
    if (const auto* const n = std::get_if<std::int64_t>(&value)) return static_cast<double>(*n);
    if (const auto* const n = std::get_if<double>(&value)) return *n;
    return std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
    const bool digits_only =
        std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
    if (text.empty() || !digits_only) return std::nullopt;
    const std::string copy(text);
    char* end = nullptr;
    const double number = std::strtod(copy.c_str(), &end);   // numbers have a point: LC_NUMERIC is never set
    if (end != copy.c_str() + copy.size()) return std::nullopt;
    return number;
}

std::optional<double> parse_literal(Kind kind, std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    std::optional<double> number;
    if (kind == Kind::bytes) {
        if (const auto size = parse_size(text)) number = static_cast<double>(*size);
    } else if (kind == Kind::ratio) {
        if (text.ends_with('%')) number = parse_number(text.substr(0, text.size() - 1));
        if (number) *number /= 100;
    } else {
        number = parse_number(text);
    }
    if (number && negative) number = -*number;
    return number;
}

std::string_view example_of(Kind kind) {
    switch (kind) {
    case Kind::bytes: return "a size such as 64KiB or 1.5GiB";
    case Kind::ratio: return "a percentage such as 5%";
    case Kind::count: return "a number";
    default: return "a text";
    }
}

bool holds(std::string_view op, double left, double right) {
    if (op == "<") return left < right;
    if (op == "<=") return left <= right;
    if (op == ">") return left > right;
    if (op == ">=") return left >= right;
    return (left == right) == (op != "!=");
}

// As Kleene has it: one operand that is `deciding` decides, else what is not known leaves the whole unknown.
Condition all_or_any(std::vector<Condition> operands, bool deciding) {
    if (operands.size() == 1) return std::move(operands.front());
    return [operands = std::move(operands), deciding](const Filter::Values& values) -> std::optional<bool> {
        std::optional<bool> result = !deciding;
        for (const auto& operand : operands) {
            const auto known = operand(values);
            if (known == deciding) return deciding;
            if (!known) result = std::nullopt;
        }
        return result;
    };
}

Condition negated(Condition condition) {
    return [condition = std::move(condition)](const Filter::Values& values) -> std::optional<bool> {
        const auto known = condition(values);
        return known ? std::optional(!*known) : std::nullopt;
    };
}

Condition number_condition(std::string column, std::string_view op, double literal) {
    return [=, column = std::move(column)](const Filter::Values& values) -> std::optional<bool> {
        const auto number = number_in(values(column));
        return number ? std::optional(holds(op, *number, literal)) : std::nullopt;
    };
}

template<class Test> Condition text_condition(std::string column, bool wanted, Test test) {
    return [wanted, test = std::move(test),
            column = std::move(column)](const Filter::Values& values) -> std::optional<bool> {
        const auto value = values(column);
        const auto* const text = std::get_if<std::string>(&value);
        return text != nullptr ? std::optional(test(*text) == wanted) : std::nullopt;
    };
}

// Recursive descent; what is wrong is thrown to parse().
class Parser {
public:
    Parser(std::string_view text, const Filter::Kinds& kinds) : text_(text), kinds_(kinds) {}

    Condition whole() {
        auto condition = alternatives();
        skip_blanks();
        if (position_ != text_.size()) fail(position_, "expected 'and' or 'or'");
        return condition;
    }

private:
    static constexpr int deepest = 100;   // of parentheses and "not": keeps the stack small

    // NOLINTBEGIN(misc-no-recursion): no deeper than that
    Condition alternatives() {
        std::vector<Condition> operands;
        do operands.push_back(sequence());
        while (take_word("or"));
        return all_or_any(std::move(operands), true);
    }

    Condition sequence() {
        std::vector<Condition> operands;
        do operands.push_back(factor());
        while (take_word("and"));
        return all_or_any(std::move(operands), false);
    }

    Condition factor() {
        skip_blanks();
        if (++depth_ > deepest) fail(position_, "too deep");
        auto condition = take_word("not") ? negated(factor()) : positive_factor();
        --depth_;
        return condition;
    }

    Condition positive_factor() {
        if (!take('(')) return comparison();
        auto condition = alternatives();
        skip_blanks();
        if (!take(')')) fail(position_, "expected ')'");
        return condition;
    }
    // NOLINTEND(misc-no-recursion)

    Condition comparison() {
        skip_blanks();
        const auto start = position_;
        std::string column(take_while(is_of_name));
        if (column.empty()) fail(start, "expected a column");
        const auto kind = kinds_(column);
        if (!kind) fail(start, fmt::format("there is no column '{}'", column));
        skip_blanks();
        const auto place = position_;
        const auto op = take_operator();
        if (op.empty()) fail(place, "expected one of < <= > >= = != ~ !~");
        return *kind == Kind::text ? about_text(std::move(column), op, place)
                                   : about_number(std::move(column), op, *kind, place);
    }

    Condition about_number(std::string column, std::string_view op, Kind kind, std::size_t place) {
        if (op.ends_with('~')) fail(place, fmt::format("'{}' is {}: only texts match", column, example_of(kind)));
        skip_blanks();
        const auto start = position_;
        const auto literal = take_number(kind);
        if (!literal) fail(start, fmt::format("expected {}", example_of(kind)));
        return number_condition(std::move(column), op, *literal);
    }

    Condition about_text(std::string column, std::string_view op, std::size_t place) {
        const bool wanted = !op.starts_with('!');
        if (op.starts_with('<') || op.starts_with('>')) fail(place, "texts have no order: expected one of = != ~ !~");
        skip_blanks();
        const auto start = position_;
        const bool quoted = start < text_.size() && (text_[start] == '\'' || text_[start] == '"');
        const std::string literal(take_literal());
        if (literal.empty() && !quoted) fail(start, "expected a text");
        if (!op.ends_with('~'))
            return text_condition(std::move(column), wanted, [=](const std::string& text) { return text == literal; });
        std::string error;
        const auto regex = Regex::compile(literal, error);
        if (!regex) fail(start, fmt::format("no regular expression: {}", error));
        return text_condition(std::move(column), wanted,
                              [=](const std::string& text) { return regex->found_in(text); });
    }

    // The unit may stand apart: "1 GiB", "5 %".
    std::optional<double> take_number(Kind kind) {
        const std::string number(take_literal());
        const auto end = position_;
        if (!number.empty() && std::isdigit(static_cast<unsigned char>(number.back())) != 0) {
            skip_blanks();
            const auto unit = take_while([](char c) { return is_of_literal(c) && (c < '0' || c > '9'); });
            if (!unit.empty() && (kind == Kind::bytes || kind == Kind::ratio))
                if (const auto whole = parse_literal(kind, number + std::string(unit))) return whole;
            position_ = end;
        }
        return parse_literal(kind, number);
    }

    std::string_view take_operator() {
        for (const std::string_view op : {"<=", ">=", "==", "!=", "!~", "<", ">", "=", "~"}) {
            if (!text_.substr(position_).starts_with(op)) continue;
            position_ += op.size();
            return op;
        }
        return {};
    }

    std::string_view take_literal() {
        const auto start = position_;
        if (!take('\'') && !take('"')) return take_while(is_of_literal);
        const char quote = text_[start];
        const auto literal = take_while([quote](char c) { return c != quote; });
        if (!take(quote)) fail(start, "this quote is not closed");
        return literal;
    }

    bool take_word(std::string_view word) {
        skip_blanks();
        const auto start = position_;
        if (take_while(is_of_name) == word) return true;
        position_ = start;
        return false;
    }

    bool take(char c) {
        if (position_ == text_.size() || text_[position_] != c) return false;
        ++position_;
        return true;
    }

    template<class Is> std::string_view take_while(Is is) {
        const auto start = position_;
        while (position_ < text_.size() && is(text_[position_])) ++position_;
        return text_.substr(start, position_ - start);
    }

    void skip_blanks() {
        take_while([](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
    }

    static bool is_of_name(char c) {
        return (c >= 'a' && c <= 'z') || c == '_' || std::isdigit(static_cast<unsigned char>(c)) != 0;
    }
    static bool is_of_literal(char c) {
        return std::isspace(static_cast<unsigned char>(c)) == 0 &&
               std::string_view("()<>=!~'\"").find(c) == std::string_view::npos;
    }

    [[noreturn]] void fail(std::size_t position, std::string message) const {
        throw FilterError{std::string(text_), position, std::move(message)};   // NOLINT(*-exception-baseclass)
    }

    std::string_view text_;
    const Filter::Kinds& kinds_;
    std::size_t position_ = 0;
    int depth_ = 0;
};

}   // namespace

std::string FilterError::text() const {
    const auto caret = display_width(escaped(std::string_view(condition).substr(0, position)));
    return fmt::format("{}\n  {}\n  {}^", escaped(message), escaped(condition), std::string(caret, ' '));
}

tamalloc::expected<Filter, FilterError> Filter::parse(std::string_view condition, const Kinds& kinds) {
    try {
        return Filter(Parser(condition, kinds).whole());
    } catch (FilterError& error) {
        return tamalloc::unexpected<FilterError>(std::move(error));
    }
}

bool Filter::operator()(const Values& values) const { return condition_(values).value_or(false); }

}   // namespace tamstat
