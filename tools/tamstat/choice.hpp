// SPDX-License-Identifier: MIT
//
// Which processes --user, --comm and --cgroup choose.
//
//   namespace tamstat {
//     class Choice;
//   }
#pragma once
#include <csignal>    // uid_t
#include <memory>     // std::shared_ptr
#include <optional>   // std::optional
#include <string>     // std::string

#include "options.hpp"       // Options
#include "process_row.hpp"   // ProcessRow
#include "regex.hpp"         // Regex

namespace tamstat {

class Choice {
public:
    /// \throws Failure exit_usage: there is no such user, or this is no regular expression
    explicit Choice(const Options& options);

    /// \returns whether its user and its name are those asked for
    [[nodiscard]] bool takes(const ProcessRow& row) const;
    /// \returns whether it is in the control group, or in one within
    [[nodiscard]] bool takes_cgroup(const ProcessRow& row) const;

private:
    std::optional<uid_t> uid_;
    std::shared_ptr<const Regex> comm_;
    std::string cgroup_;
};

}   // namespace tamstat
