// SPDX-License-Identifier: MIT
#include "choice.hpp"

#include <charconv>       // std::from_chars
#include <system_error>   // std::errc

#include <pwd.h>   // getpwnam

#include <fmt/format.h>

#include "exit_code.hpp"   // Failure

namespace tamstat {
namespace {

uid_t uid_of(const std::string& user) {
    uid_t uid = 0;
    const auto [stop, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
    if (error == std::errc{} && stop == user.data() + user.size()) return uid;
    const auto* const entry = ::getpwnam(user.c_str());
    if (entry == nullptr) throw Failure(exit_usage, fmt::format("--user: there is no user \"{}\"", user));
    return entry->pw_uid;
}

}   // namespace

Choice::Choice(const Options& options) : cgroup_(options.cgroup) {
    while (cgroup_.size() > 1 && cgroup_.ends_with('/')) cgroup_.pop_back();
    if (!options.user.empty()) uid_ = uid_of(options.user);
    if (options.comm.empty()) return;
    std::string error;
    comm_ = Regex::compile(options.comm, error);
    if (comm_ == nullptr) throw Failure(exit_usage, "--comm: " + error);
}

bool Choice::takes(const ProcessRow& row) const {
    if (uid_ && (!row.uid || *row.uid != *uid_)) return false;
    return comm_ == nullptr || (row.comm && comm_->found_in(*row.comm));
}

bool Choice::takes_cgroup(const ProcessRow& row) const {
    if (cgroup_.empty()) return true;
    return row.cgroup && (*row.cgroup == cgroup_ || cgroup_ == "/" || row.cgroup->starts_with(cgroup_ + "/"));
}

}   // namespace tamstat
