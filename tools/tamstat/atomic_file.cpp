// SPDX-License-Identifier: MIT
#include "atomic_file.hpp"

#include <cerrno>       // EINTR, errno
#include <chrono>       // std::chrono::steady_clock
#include <csignal>      // SIGHUP, SIGINT, SIGTERM, pthread_sigmask
#include <cstdio>       // std::rename
#include <filesystem>   // std::filesystem::canonical, read_symlink

#include <fcntl.h>      // O_CREAT, open
#include <sys/stat.h>   // S_ISREG, fchmod, stat
#include <unistd.h>     // access, close, fsync, getpid, unlink, write

namespace tamstat {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

class OutputFile {
public:
    OutputFile(const std::string& path, int flags)
        : descriptor_(::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, 0666)) {
        if (descriptor_ < 0) error_ = last_error();
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() { close(); }

    void write(std::string_view text) {
        while (!error_ && !text.empty()) {
            const auto written = ::write(descriptor_, text.data(), text.size());
            if (written >= 0) text.remove_prefix(static_cast<std::size_t>(written));
            else if (errno != EINTR) error_ = last_error();
        }
    }
    void set_mode(mode_t mode) { check(error_ ? 0 : ::fchmod(descriptor_, mode)); }
    void sync() { check(error_ ? 0 : ::fsync(descriptor_)); }
    // A network file system tells only now that there was no space.
    void close() {
        if (descriptor_ >= 0) check(::close(descriptor_));
        descriptor_ = -1;
    }
    [[nodiscard]] std::error_code error() const { return error_; }

private:
    void check(int status) {
        if (status != 0 && !error_) error_ = last_error();
    }

    int descriptor_;
    std::error_code error_;
};

// What asks a program to end waits until no temporary file is left; SIGKILL does not.
class BlockedSignals {
public:
    BlockedSignals() {
        sigset_t requests;
        ::sigemptyset(&requests);
        for (const int signal : {SIGHUP, SIGINT, SIGTERM}) ::sigaddset(&requests, signal);
        ::pthread_sigmask(SIG_BLOCK, &requests, &old_);
    }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

private:
    sigset_t old_{};
};

// Where a link leads, so that the link stays one, also where nothing is there yet.
std::string resolved(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (const auto target = fs::canonical(path, error); !error) return target.string();
    fs::path link = path;
    constexpr int most = 40;   // links that the kernel follows
    for (int n = 0; n < most && !fs::exists(link, error) && fs::is_symlink(link, error); ++n)
        link = link.parent_path() / fs::read_symlink(link, error);
    return link.string();
}

std::error_code write_in_place(const std::string& path, std::string_view text) {
    OutputFile file(path, 0);
    file.write(text);
    file.close();
    return file.error();
}

// The suffix comes last: node_exporter takes every *.prom. In two containers the pid may be the same, the time hardly.
std::string temporary_beside(const std::string& target) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return target + '.' + std::to_string(::getpid()) + '.' + std::to_string(now);
}

std::error_code write_beside(const std::string& target, std::string_view text, const struct stat* old) {
    const BlockedSignals until_it_is_there;
    const auto temporary = temporary_beside(target);
    OutputFile file(temporary, O_CREAT | O_EXCL | O_NOFOLLOW);
    if (file.error()) return file.error();
    if (old != nullptr) file.set_mode(old->st_mode & 07777);
    file.write(text);
    file.sync();
    file.close();
    auto error = file.error();
    if (!error && std::rename(temporary.c_str(), target.c_str()) != 0) error = last_error();
    if (error) ::unlink(temporary.c_str());
    return error;
}

}   // namespace

std::error_code replace_file(const std::string& path, std::string_view text) {
    const std::string target = resolved(path);
    struct stat old{};
    if (::stat(target.c_str(), &old) != 0) return write_beside(target, text, nullptr);
    return S_ISREG(old.st_mode) ? write_beside(target, text, &old) : write_in_place(target, text);
}

std::error_code check_replaceable(const std::string& path) {
    const std::string target = resolved(path);
    struct stat old{};
    if (::stat(target.c_str(), &old) == 0 && !S_ISREG(old.st_mode)) {
        if (S_ISDIR(old.st_mode)) return std::make_error_code(std::errc::is_a_directory);
        return ::access(target.c_str(), W_OK) == 0 ? std::error_code() : last_error();
    }
    const BlockedSignals until_it_is_gone;
    const auto temporary = temporary_beside(target);
    const auto error = OutputFile(temporary, O_CREAT | O_EXCL | O_NOFOLLOW).error();
    if (!error) ::unlink(temporary.c_str());
    return error;
}

}   // namespace tamstat
