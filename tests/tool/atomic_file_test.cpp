// SPDX-License-Identifier: MIT
// Hazard: node_exporter reads while the file is written and takes half a file for all of it; a full disk leaves an empty file where
// yesterday's snapshot was; and as root, -o /dev/null puts a regular file where the device was.
#include "atomic_file.hpp"

#include <doctest/doctest.h>

#include <array>          // std::array
#include <csignal>        // SIGTERM, SIGXFSZ, kill, std::signal
#include <cstddef>        // std::size_t
#include <cstdlib>        // mkdtemp, std::_Exit
#include <filesystem>     // std::filesystem
#include <fstream>        // std::ifstream
#include <iterator>       // std::distance, std::istreambuf_iterator
#include <string>         // std::string
#include <system_error>   // std::errc

#include <fcntl.h>          // O_NONBLOCK, open
#include <sys/resource.h>   // RLIMIT_FSIZE, setrlimit
#include <sys/stat.h>       // mkfifo
#include <sys/wait.h>       // waitpid
#include <unistd.h>         // close, fork, read, usleep

namespace fs = std::filesystem;
using tamstat::replace_file;

namespace {

class Directory {
public:
    Directory() {
        std::string name = (fs::temp_directory_path() / "tamstat-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { fs::remove_all(path_); }

    [[nodiscard]] std::string operator/(const char* name) const { return (path_ / name).string(); }
    [[nodiscard]] auto files() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }

private:
    fs::path path_;
};

std::string contents(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}   // namespace

TEST_CASE("replace_file makes a file, and replaces it by another one") {
    const Directory directory;
    const auto path = directory / "f";
    CHECK(!replace_file(path, "one"));
    std::ifstream reader(path);
    CHECK(!replace_file(path, "two"));
    CHECK(std::string(std::istreambuf_iterator<char>(reader), {}) == "one");   // who has it open is not disturbed
    CHECK(contents(path) == "two");
    CHECK(directory.files() == 1);
}

TEST_CASE("replace_file keeps the mode of the old file and a link that leads to it") {
    const Directory directory;
    const auto path = directory / "f", link = directory / "link";
    CHECK(!replace_file(path, "one"));
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("f", link);
    CHECK(!replace_file(link, "two"));
    CHECK(fs::is_symlink(link));
    CHECK(contents(path) == "two");
    CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("replace_file makes the file that a link leads to, also through another link") {
    const Directory directory;
    const auto first = directory / "first", second = directory / "second";
    fs::create_symlink("second", first);
    fs::create_symlink("new", second);
    CHECK(!replace_file(first, "text"));
    CHECK(fs::is_symlink(first));
    CHECK(fs::is_symlink(second));
    CHECK(contents(directory / "new") == "text");
    CHECK(directory.files() == 3);
}

// A pipe stands for /dev/null, which this test, if it failed as root, would take from the machine.
TEST_CASE("replace_file writes into what is no regular file instead of replacing it") {
    const Directory directory;
    const auto pipe = directory / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    CHECK(!replace_file(pipe, "text"));
    std::array<char, 8> read{};
    CHECK(::read(reader, read.data(), read.size()) == 4);
    CHECK(std::string(read.data()) == "text");
    CHECK(fs::is_fifo(pipe));
    CHECK(directory.files() == 1);
    ::close(reader);
}

TEST_CASE("replace_file leaves the old file, and nothing else, when there is no space") {
    const Directory directory;
    const auto path = directory / "f";
    CHECK(!replace_file(path, "old"));
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit little{4096, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
    const auto error = replace_file(path, std::string(10'000, 'x'));
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
    CHECK(error == std::errc::file_too_large);
    CHECK(contents(path) == "old");
    CHECK(directory.files() == 1);
}

TEST_CASE("replace_file says why it cannot, and check_replaceable before") {
    const Directory directory;
    for (const char* const name : {"none/f", "."})
        CHECK(tamstat::check_replaceable(directory / name) == replace_file(directory / name, ""));
    CHECK(!tamstat::check_replaceable(directory / "f"));
    CHECK(!tamstat::check_replaceable("/dev/null"));
    CHECK(directory.files() == 0);
    CHECK(replace_file(directory / "none/f", "") == std::errc::no_such_file_or_directory);
    CHECK(replace_file(directory / ".", "") == std::errc::is_a_directory);
}

TEST_CASE("who is asked to end leaves no temporary file") {
    const Directory directory;
    const auto path = directory / "f";
    const std::string text(std::size_t{1} << 20, 'x');
    for (int round = 0; round != 20; ++round) {
        const auto child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            while (!replace_file(path, text)) {
            }
            std::_Exit(1);
        }
        ::usleep(static_cast<useconds_t>(5000 + 500 * round));
        REQUIRE(::kill(child, SIGTERM) == 0);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status));
        CHECK(directory.files() <= 1);
    }
}
