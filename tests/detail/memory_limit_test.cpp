// SPDX-License-Identifier: MIT
// Hazard: in a container what is kept is measured by the memory of the host, and the container is killed for it.
#include "tamalloc/detail/memory_limit.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support.hpp"

namespace {

// Files as below /proc and /sys/fs/cgroup.
class Groups {
public:
    Groups() { REQUIRE(::mkdtemp(root_.data()) != nullptr); }
    Groups(const Groups&) = delete;
    Groups& operator=(const Groups&) = delete;
    ~Groups() { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    [[nodiscard]] std::size_t limit() const {
        return tamalloc::detail::memory_limit((root_ + "/cgroup").c_str(), root_.c_str());
    }

private:
    std::string root_ = "/tmp/tamalloc.XXXXXX";
};

const std::size_t ram = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * support::page;

}   // namespace

TEST_CASE("the limit of memory is the least of RAM and of the control groups above the process") {
    const Groups groups;
    CHECK(groups.limit() == ram);   // no such file
    groups.write("/cgroup", "0::/a/b\n");
    CHECK(groups.limit() == ram);
    groups.write("/a/b/memory.max", "max\n");
    CHECK(groups.limit() == ram);
    groups.write("/a/memory.max", "1048576\n");
    CHECK(groups.limit() == 1 << 20);
    groups.write("/a/b/memory.max", "65536\n");
    CHECK(groups.limit() == 65536);
    groups.write("/memory.max", "4096\n");   // the root of a container's own namespace
    CHECK(groups.limit() == 4096);
}

TEST_CASE("limits of version 1 of control groups count as well") {
    const Groups groups;
    groups.write("/cgroup", "12:cpu,cpuacct:/x\n5:memory:/a\n1:name=systemd:/y\n");
    CHECK(groups.limit() == ram);
    groups.write("/memory/memory.limit_in_bytes", "9223372036854771712\n");   // no limit
    groups.write("/x/memory.max", "1\n");
    CHECK(groups.limit() == ram);
    groups.write("/memory/a/memory.limit_in_bytes", "33554432\n");
    CHECK(groups.limit() == 32 << 20);
    groups.write("/cgroup", "5:memory,hugetlb:/a\n");
    CHECK(groups.limit() == 32 << 20);
}

TEST_CASE("what is no control group changes nothing") {
    const Groups groups;
    for (const char* const text : {"", "\n", "0", "0:", "0::", "::\n::", "0::/a\n0::/a", "1:memory", "memory",
                                   "12:cpu,memory", "12:cpu,memory2:/", "0::a", "0::a/b"}) {
        groups.write("/cgroup", text);
        CHECK(groups.limit() == ram);
    }
    groups.write("/cgroup", "0::/" + std::string(3000, 'a'));   // longer than any buffer
    CHECK(groups.limit() == ram);
}

TEST_CASE("of a path that does not fit nothing is left") {
    tamalloc::detail::ShortPath path;
    ((path += std::string(600, 'x')) += "/sub") += "/memory.max";
    CHECK(std::string(path.c_str()).empty());
}

TEST_CASE("a control group in a late line of a long file counts") {
    const Groups groups;
    std::string text;
    for (int i = 0; i != 100; ++i) text += std::to_string(i) + ":name=something_of_length:/x/y/z\n";
    groups.write("/cgroup", text + "0::/a\n");
    groups.write("/a/memory.max", "65536\n");
    CHECK(groups.limit() == 65536);
}

TEST_CASE("address space that is kept follows the limits of the process") {
    constexpr std::size_t mib = 1 << 20;
    const auto limit = [](bool charged) { return tamalloc::detail::address_space_limit(64 * mib, charged); };
    CHECK(limit(true) == 64 * mib);
    std::ifstream overcommit("/proc/sys/vm/overcommit_memory");
    if (overcommit.get() == '2') {
        CHECK(limit(false) == 64 * mib);
        return;
    }
    CHECK(limit(false) == 2048 * mib);
    CHECK(tamalloc::detail::address_space_limit(std::size_t{1} << 62, false) ==
          std::numeric_limits<std::size_t>::max());
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA})
        CHECK(support::in_child([&] {
                  const rlimit most{16'000 * mib, 16'000 * mib};
                  return ::setrlimit(resource, &most) == 0 && limit(false) == 1000 * mib ? 0 : 1;
              }) == 0);
    CHECK(support::in_child([&] {
              const rlimit most{512 * mib, 512 * mib};
              return ::setrlimit(RLIMIT_DATA, &most) == 0 && limit(true) == 32 * mib ? 0 : 1;
          }) == 0);
}

TEST_CASE("where the machine does not tell what it has little is kept and errno stays") {
    CHECK(support::in_child([] {
              if (!support::refuse(SYS_sysinfo, EPERM) || !support::refuse(SYS_prlimit64, EPERM)) return 1;
              errno = 42;
              constexpr std::size_t mib = 1 << 20;
              const auto budget = tamalloc::detail::memory_budget();
              if (budget == 0 || budget > 64 * mib) return 2;
              if (tamalloc::detail::most_mappable(true) != tamalloc::detail::address_space)
                  return 3;   // no reason to ask for less
              if (tamalloc::detail::address_space_limit(mib, true) != mib) return 4;
              return errno == 42 ? 0 : 5;
          }) == 0);
}

TEST_CASE("what is larger than all that can be mapped is refused by the kernel, too") {
    const auto n = tamalloc::detail::most_mappable(false) + support::page;
    CHECK(::mmap(nullptr, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
}
