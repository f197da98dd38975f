// SPDX-License-Identifier: MIT
// To be linked with a program: its default resource of boost::container::pmr takes every block from pages.
#include <cstddef>   // std::size_t

#include <boost/container/pmr/global_resource.hpp>
#include <boost/container/pmr/memory_resource.hpp>

#include "heap.hpp"

namespace {

class Pages final : public boost::container::pmr::memory_resource {
    static std::pmr::memory_resource& pages() { return external::lasting<external::PagesResource>(); }

    void* do_allocate(std::size_t n, std::size_t align) override { return pages().allocate(n, align); }
    void do_deallocate(void* p, std::size_t n, std::size_t align) override { pages().deallocate(p, n, align); }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

struct Install {
    Install() { boost::container::pmr::set_default_resource(&external::lasting<Pages>()); }
};
[[gnu::init_priority(101)]] const Install install;   // 101: the first that a program may have

}   // namespace
