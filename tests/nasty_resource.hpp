// SPDX-License-Identifier: MIT
// A resource whose blocks, however small, come from a source that reuses addresses at once and poisons what is freed.
#pragma once
#include <algorithm>         // std::max
#include <cstddef>           // std::byte, std::size_t
#include <memory_resource>   // std::pmr::memory_resource

#include "tamalloc/memory_resource.hpp"         // ZeroedResource
#include "tamalloc/testing/nasty_sources.hpp"   // LifoSource

namespace support {

/// Equal only to itself, though all of them share one pool of addresses.
class NastyResource final : public tamalloc::ZeroedResource {
public:
    /// \returns how many are out, without those of 0 bytes: a deque of libc++ 19 that was made from an empty one with
    /// another allocator asks for one, and forgets it when it is moved to (__split_buffer)
    [[nodiscard]] long live_blocks() const { return live_blocks_; }

private:
    using Source = tamalloc::testing::LifoSource;

    static std::size_t rounded(std::size_t n) { return Source::rounded(std::max(n, std::size_t{1})); }

    [[nodiscard]] void* do_allocate(std::size_t n, std::size_t align) override {
        live_blocks_ += n > 0 ? 1 : 0;
        return Source{}.map(rounded(n), align).value();
    }
    void do_deallocate(void* p, std::size_t n, std::size_t) override {
        live_blocks_ -= n > 0 ? 1 : 0;
        Source{}.unmap(static_cast<std::byte*>(p), rounded(n));
    }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    long live_blocks_ = 0;
};

/// The default resource while it exists.
class NastyDefault {
public:
    NastyDefault() : before_(tamalloc::set_default_zeroed_resource(&resource_)) {}
    NastyDefault(const NastyDefault&) = delete;
    NastyDefault& operator=(const NastyDefault&) = delete;
    ~NastyDefault() { tamalloc::set_default_zeroed_resource(before_); }

private:
    NastyResource resource_;
    tamalloc::ZeroedResource* before_;
};

}   // namespace support
