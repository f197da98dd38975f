// SPDX-License-Identifier: MIT
// Runs programs that come in through standard input, two at a time, each with a time limit, and prints what became of them.
// One static program, so that this machine and a guest without files judge alike.
//
// Usage: run_programs <STREAM
// STREAM: for each program a line "BYTES SECONDS NAME [ARGUMENT]...", and so many bytes, which are the program; where BYTES is 0,
// it is the program before with other arguments. "BYTES file PATH" before all of them is a file that they need, to be made.
// Prints the back-end of the library, and for each program its output and "passed NAME" or "FAILED NAME: REASON".
// Exit status: 0, 1 when one failed, 2 when the stream is broken.
#include <cerrno>       // errno
#include <cstdio>       // std::printf
#include <cstdlib>      // std::exit
#include <cstring>      // std::strerror
#include <filesystem>   // std::filesystem::create_directories, permissions
#include <fstream>      // std::ofstream
#include <iostream>     // std::cin
#include <memory>       // std::shared_ptr
#include <mutex>        // std::mutex
#include <optional>     // std::optional
#include <sstream>      // std::istringstream
#include <string>       // std::string
#include <thread>       // std::jthread
#include <vector>       // std::vector

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

// A file in memory.
class MemoryFile {
public:
    explicit MemoryFile(const char* name) : descriptor_(::memfd_create(name, MFD_CLOEXEC)) {
        if (descriptor_ < 0) give_up("memfd_create failed");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(descriptor_); }

    [[nodiscard]] int descriptor() const { return descriptor_; }
    void append(const std::vector<char>& bytes) const {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto written = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
            if (written < 0) give_up("a program does not fit into memory");
            done += static_cast<std::size_t>(written);
        }
    }
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
    std::string name;
    std::vector<std::string> arguments;   // the first is the name, as always
    int seconds = 0;
    std::shared_ptr<MemoryFile> program;
};

std::vector<char> read_bytes(std::size_t n) {
    std::vector<char> bytes(n);
    if (!std::cin.read(bytes.data(), static_cast<std::streamsize>(n))) give_up("the stream ends too early");
    return bytes;
}

void make_file(const std::filesystem::path& path, const std::vector<char>& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) give_up("a file cannot be written");
    std::filesystem::permissions(path, std::filesystem::perms::owner_exec, std::filesystem::perm_options::add);
}

// The next one of the stream.
std::optional<Job> read_job() {
    static std::mutex mutex;
    static std::shared_ptr<MemoryFile> program;
    const std::scoped_lock lock(mutex);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        Job job;
        std::size_t bytes = 0;
        std::string seconds;
        if (!(words >> bytes >> seconds >> job.name)) give_up("a line of the stream is broken");
        if (seconds == "file") {
            make_file(job.name, read_bytes(bytes));
            continue;
        }
        job.seconds = std::stoi(seconds);
        job.arguments.push_back(job.name);
        for (std::string word; words >> word;) job.arguments.push_back(word);
        if (bytes > 0) {
            program = std::make_shared<MemoryFile>("program");
            program->append(read_bytes(bytes));
        }
        job.program = program;
        return job;
    }
    return {};
}

[[noreturn]] void become(const Job& job, std::vector<char*>& arguments, int output) {
    ::setpgid(0, 0);
    const ::rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    ::fexecve(job.program->descriptor(), arguments.data(), environ);
    ::dprintf(2, "cannot be run: %s\n", std::strerror(errno));
    ::_exit(127);
}

// \returns why it failed, nothing where it passed
std::string run(const Job& job, const MemoryFile& output) {
    std::vector<char*> arguments;
    for (const auto& argument : job.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    const auto child = ::fork();
    if (child < 0) give_up("fork failed");
    if (child == 0) become(job, arguments, output.descriptor());
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
        const MemoryFile output("output");
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
