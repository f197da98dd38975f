// SPDX-License-Identifier: MIT
// To be linked with a program: its default resource of std::pmr is EXTERNAL_RESOURCE before anything of its own is constructed.
#include <cstddef>           // std::size_t
#include <memory_resource>   // std::pmr::memory_resource, std::pmr::set_default_resource

#include "heap.hpp"

namespace {

// For a resource whose blocks are not all pages: counts them.
template<class Resource> class Counting final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t n, std::size_t align) override {
        external::blocks.fetch_add(1, std::memory_order_relaxed);
        return resource_.allocate(n, align);
    }
    void do_deallocate(void* p, std::size_t n, std::size_t align) override { resource_.deallocate(p, n, align); }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    Resource resource_;
};

struct Install {
    Install() { std::pmr::set_default_resource(&external::lasting<EXTERNAL_RESOURCE>()); }
};
[[gnu::init_priority(101)]] const Install install;   // 101: the first that a program may have

}   // namespace
