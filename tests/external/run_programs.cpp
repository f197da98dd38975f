// SPDX-License-Identifier: MIT
// Runs programs, two at a time, each with a time limit, and prints what became of them. A static program, so that this machine and
// a guest judge alike.
//
// Usage: run_programs <LIST
// LIST: for each run a line "SECONDS NAME PROGRAM [ARGUMENT]...".
// Prints the back-end of the library, and for each run its output and "passed NAME" or "FAILED NAME: REASON".
// Exit status: 0, 1 when one failed, 2 when the list is broken.
#include <cerrno>     // errno
#include <cstdio>     // std::printf
#include <cstdlib>    // std::exit
#include <cstring>    // std::strerror
#include <iostream>   // std::cin
#include <mutex>      // std::mutex
#include <optional>   // std::optional
#include <sstream>    // std::istringstream
#include <string>     // std::string
#include <thread>     // std::jthread
#include <vector>     // std::vector

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tamalloc/discovery.hpp"

namespace {

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "run_programs: %s\n", what);
    std::exit(2);
}

// A file in memory, for the output of a program.
class MemoryFile {
public:
    MemoryFile() : descriptor_(::memfd_create("output", MFD_CLOEXEC)) {
        if (descriptor_ < 0) give_up("memfd_create failed");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(descriptor_); }

    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] std::string text() const {
        std::string all(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
        const auto got = ::pread(descriptor_, all.data(), all.size(), 0);
        all.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return all;
    }

private:
    int descriptor_;
};

struct Job {
    int seconds = 0;
    std::string name;
    std::vector<std::string> arguments;   // the first is the program
};

// The next one of the list.
std::optional<Job> read_job() {
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    std::string line;
    if (!std::getline(std::cin, line)) return {};
    std::istringstream words(line);
    Job job;
    words >> job.seconds >> job.name;
    for (std::string word; words >> word;) job.arguments.push_back(word);
    if (job.arguments.empty()) give_up("a line of the list is broken");
    return job;
}

[[noreturn]] void become(const std::vector<char*>& arguments, int output) {
    ::setpgid(0, 0);
    const ::rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    ::execv(arguments.front(), arguments.data());
    ::dprintf(2, "cannot be run: %s\n", std::strerror(errno));
    ::_exit(127);
}

// \returns why it failed, nothing where it passed
std::string run(const Job& job, const MemoryFile& output) {
    std::vector<char*> arguments;
    arguments.reserve(job.arguments.size() + 1);
    for (const auto& argument : job.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    const auto child = ::fork();
    if (child < 0) give_up("fork failed");
    if (child == 0) become(arguments, output.descriptor());
    const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    if (handle < 0) give_up("pidfd_open failed");
    ::pollfd ended{handle, POLLIN, 0};
    const bool in_time = ::poll(&ended, 1, job.seconds * 1000) == 1;
    if (!in_time) ::kill(child, SIGKILL);   // before it has a group of its own
    ::kill(-child, SIGKILL);                // and what it left behind
    ::close(handle);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!in_time) return "no end after " + std::to_string(job.seconds) + " s";
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return "exit status " + std::to_string(WEXITSTATUS(status));
    return {};
}

std::mutex printing;
bool failed = false;

void work() {
    while (const auto job = read_job()) {
        const MemoryFile output;
        const auto reason = run(*job, output);
        const auto text = output.text();
        const std::scoped_lock lock(printing);
        std::fwrite(text.data(), 1, text.size(), stdout);
        if (!text.empty() && text.back() != '\n') std::putchar('\n');
        if (reason.empty()) std::printf("passed %s\n", job->name.c_str());
        else std::printf("FAILED %s: %s\n", job->name.c_str(), reason.c_str());
        std::fflush(stdout);
        failed = failed || !reason.empty();
    }
}

}   // namespace

int main() {
    std::printf("back-end: %s\n", tamalloc::backend().backend == tamalloc::Backend::kernel ? "kernel" : "mmap");
    {
        const std::jthread other(work);
        work();
    }
    return failed ? 1 : 0;
}
