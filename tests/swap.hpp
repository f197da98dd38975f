// SPDX-License-Identifier: MIT
//
// Pages that are out, in swap space.
//
//   namespace support {
//     class SwapSpace;   // some for as long as a test lasts, where this process may have it
//   }
#pragma once
#include <array>     // std::array
#include <cerrno>    // errno
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::uint32_t, std::uint64_t
#include <cstring>   // std::memcpy, std::strerror
#include <fstream>   // std::ifstream
#include <span>      // std::span
#include <string>    // std::getline, std::string
#include <vector>    // std::vector

#include <fcntl.h>      // posix_fallocate
#include <sys/mman.h>   // madvise
#include <sys/swap.h>   // swapon, swapoff
#include <unistd.h>     // mkstemp, unlink, write

#include "support.hpp"
#include "tamalloc/detail/page_scan.hpp"   // for_each_extent

namespace support {

/// A file of its own, which only root may add; or what the machine has.
class SwapSpace {
public:
    SwapSpace() {
        std::ifstream in("/proc/swaps");
        std::string line;
        std::getline(in, line);   // the header
        if (std::getline(in, line)) return;
        if (!add()) problem_ = "no swap space, and none can be added: " + std::string(std::strerror(errno));
    }
    SwapSpace(const SwapSpace&) = delete;
    SwapSpace& operator=(const SwapSpace&) = delete;
    ~SwapSpace() {
        if (path_.empty()) return;
        ::swapoff(path_.c_str());
        ::unlink(path_.c_str());
    }

    /// \returns why there is none; empty when there is
    [[nodiscard]] const std::string& problem() const { return problem_; }

    /// \requires whole pages
    /// \returns how many of their bytes are in swap space afterwards
    [[nodiscard]] static std::size_t push_out(std::span<std::byte> pages) {
        constexpr int page_out = 21;   // MADV_PAGEOUT, since Linux 5.4
        ::madvise(pages.data(), pages.size(), page_out);
        std::size_t out = 0;
        tamalloc::detail::for_each_extent(pages.data(), pages.data() + pages.size(), [&](const auto& extent, auto&) {
            if (extent.swapped()) out += extent.size();
        });
        return out;
    }

private:
    static constexpr std::size_t size = 32 << 20;

    // The header that mkswap(8) writes: include/linux/swap.h, union swap_header.
    bool add() {
        std::string path = "/var/tmp/tamalloc.swap.XXXXXX";   // /tmp may be memory itself
        const int fd = ::mkstemp(path.data());
        if (fd < 0) return false;
        std::vector<char> header(page);
        const auto last_page = static_cast<std::uint32_t>(size / page - 1);
        const std::array<std::uint32_t, 3> info{1, last_page, 0};   // version 1, no bad pages
        std::memcpy(header.data() + 1024, info.data(), sizeof info);
        std::memcpy(header.data() + page - 10, "SWAPSPACE2", 10);
        const bool written = ::posix_fallocate(fd, 0, size) == 0 && fill(fd) &&
                             ::pwrite(fd, header.data(), page, 0) == static_cast<ssize_t>(page);
        ::close(fd);
        if (written && ::swapon(path.c_str(), 0) == 0) {
            path_ = path;
            return true;
        }
        const int error = errno;
        ::unlink(path.c_str());
        errno = error;
        return false;
    }
    // No holes.
    static bool fill(int fd) {
        const std::vector<char> zeros(1 << 20);
        for (std::size_t done = 0; done < size; done += zeros.size())
            if (::write(fd, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size())) return false;
        return ::fsync(fd) == 0;
    }

    std::string path_, problem_;
};

}   // namespace support
