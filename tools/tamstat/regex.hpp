// SPDX-License-Identifier: MIT
//
// Regular expressions as regcomp(3) has them, extended: unlike std::regex they need neither much stack nor exponential time,
// but for back references and for repetitions of repetitions, which cost here what they cost in grep -E.
//
//   namespace tamstat {
//     class Regex;
//   }
#pragma once
#include <array>    // std::array
#include <memory>   // std::make_shared, std::shared_ptr
#include <string>   // std::string

#include <regex.h>   // regcomp, regerror, regexec

namespace tamstat {

/// Any thread.
class Regex {
public:
    /// \returns null, and what is wrong
    [[nodiscard]] static std::shared_ptr<const Regex> compile(const std::string& pattern, std::string& error) {
        auto regex = std::make_shared<Regex>();
        regex->status_ = ::regcomp(&regex->compiled_, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
        if (regex->status_ == 0) return regex;
        std::array<char, 128> text{};
        ::regerror(regex->status_, &regex->compiled_, text.data(), text.size());
        error = text.data();
        return nullptr;
    }

    Regex() = default;   // for compile()
    Regex(const Regex&) = delete;
    Regex& operator=(const Regex&) = delete;
    ~Regex() {
        if (status_ == 0) ::regfree(&compiled_);
    }

    /// \returns whether some part of the text matches
    [[nodiscard]] bool found_in(const std::string& text) const {
        return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
    }

private:
    regex_t compiled_{};
    int status_ = REG_BADPAT;
};

}   // namespace tamstat
