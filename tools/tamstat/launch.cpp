// SPDX-License-Identifier: MIT
#include "launch.hpp"

#include <array>          // std::array
#include <cerrno>         // EINTR, ENOENT, errno
#include <system_error>   // std::system_category

#include <fcntl.h>          // O_CLOEXEC
#include <sys/prctl.h>      // PR_SET_CHILD_SUBREAPER
#include <sys/resource.h>   // getrusage
#include <sys/wait.h>       // waitpid
#include <unistd.h>         // execvp, fork, pipe2

#include <fmt/format.h>   // fmt::format

#include "exit_code.hpp"   // Failure

namespace tamstat {
namespace {

// What the shell answers.
constexpr int cannot_execute = 126, not_found = 127;

// Through a pipe that the command does not inherit: its end says that the command is there.
struct Message {
    int error = 0;
    std::uint64_t peak_before = 0;
};

void send(int pipe, const Message& message) {
    while (::write(pipe, &message, sizeof message) < 0 && errno == EINTR) {
    }
}

// \returns the last message
Message receive(int pipe) {
    Message last, message;
    while (true) {
        const auto got = ::read(pipe, &message, sizeof message);
        if (got == static_cast<ssize_t>(sizeof message)) last = message;
        else if (got >= 0 || errno != EINTR) return last;
    }
}

// Not by vfork, as posix_spawn does it: the command would begin with the peak of this process, which is larger than most.
[[noreturn]] void become(char* const* arguments, int pipe) {
    constexpr std::uint64_t kib = 1024;
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    Message message{.peak_before = static_cast<std::uint64_t>(own.ru_maxrss) * kib};
    send(pipe, message);
    ::execvp(*arguments, arguments);
    message.error = errno;
    send(pipe, message);
    ::_exit(not_found);
}

[[noreturn]] void fail(const std::string& word, int error) {
    throw Failure(static_cast<ExitCode>(error == ENOENT ? not_found : cannot_execute),
                  fmt::format("run: {}: {}", word, std::system_category().message(error)));
}

}   // namespace

sigset_t watched_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&set, signal);
    return set;
}

Command launch(std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail(words.front(), errno);
    auto* const children =
        std::signal(SIGCHLD, SIG_DFL);   // where it is ignored, nobody hears that the command has ended
    const auto watched = watched_signals();
    sigset_t before;
    ::sigprocmask(SIG_BLOCK, &watched, &before);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);   // what outlives its parent in there still belongs to it
    const pid_t pid = ::fork();
    if (pid < 0) fail(words.front(), errno);
    if (pid == 0) {
        std::signal(SIGCHLD, children);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        become(arguments.data(), pipe[1]);
    }
    ::close(pipe[1]);
    const auto message = receive(pipe[0]);
    ::close(pipe[0]);
    if (message.error == 0)
        return {.pid = pid, .start = std::chrono::steady_clock::now(), .peak_before = message.peak_before};
    ::waitpid(pid, nullptr, 0);
    fail(words.front(), message.error);
}

}   // namespace tamstat
