// SPDX-License-Identifier: MIT
//
// Pages that are out, in swap space.
//
//   namespace support {
//     class SwapSpace;   // some for as long as a test lasts, where this process may have it
//   }
#pragma once
#include <algorithm>   // std::max
#include <array>       // std::array
#include <cerrno>      // errno
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint32_t, std::uint64_t
#include <cstring>     // std::memcpy, std::strerror
#include <fstream>     // std::fstream, std::ofstream
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include <fcntl.h>         // open, posix_fallocate
#include <sys/mman.h>      // madvise
#include <sys/swap.h>      // swapon, swapoff
#include <sys/sysinfo.h>   // sysinfo
#include <unistd.h>        // fsync, pwrite, unlink, write

#include "support.hpp"
#include "tamalloc/detail/page_scan.hpp"   // for_each_extent

namespace support {

/// What the machine has left; else a file, which only root may add, or compressed memory where no file can serve.
class SwapSpace {
public:
    SwapSpace() {
        struct sysinfo info{};
        if (::sysinfo(&info) == 0 && info.freeswap * info.mem_unit >= size / 4) return;   // and none that is full
        if (!add_file() && !add_zram())
            problem_ = "no swap space, and none can be added: " + std::string(std::strerror(errno));
    }
    SwapSpace(const SwapSpace&) = delete;
    SwapSpace& operator=(const SwapSpace&) = delete;
    ~SwapSpace() {
        if (path_.empty()) return;
        ::swapoff(path_.c_str());
        if (path_ == zram) std::ofstream("/sys/block/zram0/reset") << 1;
        else ::unlink(path_.c_str());
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
    // Room for two thousand pages, of whatever size they are.
    static inline const std::size_t size = std::max(std::size_t{32} << 20, 2048 * page);
    static constexpr const char* zram = "/dev/zram0";

    bool add_file() {
        std::string path = "/var/tmp/tamalloc.swap.XXXXXX";   // /tmp may be memory itself
        const int fd = ::mkstemp(path.data());
        if (fd < 0) return false;
        const bool added = ::posix_fallocate(fd, 0, static_cast<off_t>(size)) == 0 && fill(fd) && add(fd, path);
        const int error = errno;
        ::close(fd);
        if (!added) ::unlink(path.c_str());
        errno = error;
        return added;
    }
    // Documentation/admin-guide/blockdev/zram.rst. Not one that somebody uses.
    bool add_zram() {
        const int error = errno;
        std::fstream disksize("/sys/block/zram0/disksize");
        std::size_t used = 0;
        const bool is_free = (disksize >> used) && used == 0;
        disksize.clear();
        disksize.seekp(0);
        if (!is_free || !(disksize << size << std::flush)) {
            errno = error;
            return false;
        }
        const int fd = ::open(zram, O_RDWR | O_CLOEXEC);
        const bool added = fd >= 0 && add(fd, zram);
        if (fd >= 0) ::close(fd);
        return added;
    }
    // With the header that mkswap(8) writes: include/linux/swap.h, union swap_header.
    bool add(int fd, const std::string& path) {
        std::vector<char> header(page);
        const auto last_page = static_cast<std::uint32_t>(size / page - 1);
        const std::array<std::uint32_t, 3> info{1, last_page, 0};   // version 1, no bad pages
        std::memcpy(header.data() + 1024, info.data(), sizeof info);
        std::memcpy(header.data() + page - 10, "SWAPSPACE2", 10);
        if (::pwrite(fd, header.data(), page, 0) != static_cast<ssize_t>(page) || ::fsync(fd) != 0) return false;
        if (::swapon(path.c_str(), 0) != 0) return false;
        path_ = path;
        return true;
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
