// SPDX-License-Identifier: MIT
// foonathan/memory: lists in a pool and scratch space in a stack, whose blocks come from its own heap or from ours.
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::uint64_t
#include <list>      // std::list
#include <random>    // std::mt19937_64
#include <utility>   // std::move

#include <foonathan/memory/container.hpp>
#include <foonathan/memory/default_allocator.hpp>
#include <foonathan/memory/memory_pool.hpp>
#include <foonathan/memory/memory_stack.hpp>
#include <foonathan/memory/std_allocator.hpp>

#include "tamalloc/memory_resource.hpp"
#include "work.hpp"

namespace {

namespace fm = foonathan::memory;

// Our resource as foonathan's concept RawAllocator.
struct Ours {
    using is_stateful = std::false_type;

    static tamalloc::MemoryResource<>& resource() {
        static tamalloc::MemoryResource<> instance;
        return instance;
    }
    void* allocate_node(std::size_t size, std::size_t align) { return resource().allocate(size, align); }
    void deallocate_node(void* node, std::size_t size, std::size_t align) noexcept {
        resource().deallocate(node, size, align);
    }
};

template<class RawAllocator> std::uint64_t lists() {
    using Number = std::uint64_t;
    using Pool = fm::memory_pool<fm::node_pool, RawAllocator>;
    Pool pool(fm::list_node_size<Number>::value, std::size_t{1} << 20);
    fm::memory_stack<RawAllocator> stack(std::size_t{1} << 20);
    std::mt19937_64 random(5);
    work::Checksum sum;
    for (int round = 0; round < 20; ++round) {
        std::list<Number, fm::std_allocator<Number, Pool>> list(pool);
        for (int i = 0; i < 100'000; ++i) list.push_back(random() % 1'000'000);
        list.remove_if([](Number n) { return n % 3 == 0; });
        list.sort();
        const auto top = stack.top();
        auto* const scratch = static_cast<Number*>(stack.allocate(list.size() * sizeof(Number), alignof(Number)));
        std::size_t n = 0;
        for (const auto number : list) scratch[n++] = number;
        for (std::size_t i = 0; i < n; i += 10) sum.add(scratch[n - 1 - i]);
        stack.unwind(top);
    }
    return sum.value();
}

}   // namespace

int main(int argc, char** argv) { return work::compare(argc, argv, lists<fm::default_allocator>, lists<Ours>); }
