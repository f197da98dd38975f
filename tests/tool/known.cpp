// SPDX-License-Identifier: MIT
// A process with a known answer. Usage: known NAME [KIND:MIB:WRITTEN_MIB[:READ_MIB]]...
// Maps memory of the kind none, noreserve or charged, writes to its beginning and then reads what follows, prints "ready", and waits until
// stdin ends. A line from stdin makes it write 8 MiB more of the last mapping, and say "ready" again.
#include <cstddef>   // std::byte, std::size_t
#include <cstdio>    // std::getchar, std::perror, std::puts, std::sscanf
#include <string>    // std::string
#include <vector>    // std::vector

#include <sys/mman.h>    // madvise, mmap, munmap
#include <sys/prctl.h>   // PR_SET_NAME, prctl

namespace {

constexpr std::size_t mib = 1 << 20, page = 4096;

struct Area {
    volatile char* begin = nullptr;
    std::size_t written = 0, read = 0;   // bytes

    void write(std::size_t bytes) {
        for (const auto end = written + bytes; written < end; written += page) begin[written] = 1;
    }
    void read_on() const {
        for (std::size_t i = 0; i < read; i += page) (void)begin[written + i];
    }
};

Area map(const std::string& description) {
    char kind[16];
    std::size_t size = 0, written = 0, read = 0;
    if (std::sscanf(description.c_str(), "%15[a-z]:%zu:%zu:%zu", kind, &size, &written, &read) < 3) return {};
    const bool none = kind == std::string("none"), noreserve = kind == std::string("noreserve");
    // One page more, which is unmapped: the kernel would join neighbours of one kind.
    void* const begin = ::mmap(nullptr, size * mib + page, none ? PROT_NONE : PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | (none || noreserve ? MAP_NORESERVE : 0), -1, 0);
    if (begin == MAP_FAILED) return {};
    ::munmap(static_cast<char*>(begin) + size * mib, page);
    ::madvise(begin, size * mib, MADV_NOHUGEPAGE);   // a page written is a page
    Area area{static_cast<char*>(begin), 0, read * mib};
    area.write(written * mib);
    area.read_on();
    return area;
}

}   // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    ::prctl(PR_SET_NAME, argv[1]);
    Area last;
    const std::vector<std::string> descriptions(argv + 2, argv + argc);
    for (const auto& description : descriptions) {
        last = map(description);
        if (last.begin == nullptr) {
            std::perror(description.c_str());
            return 1;
        }
    }
    std::puts("ready");
    std::fflush(stdout);
    for (int c = std::getchar(); c != EOF; c = std::getchar()) {
        if (c != '\n') continue;
        last.write(8 * mib);
        std::puts("ready");
        std::fflush(stdout);
    }
}
