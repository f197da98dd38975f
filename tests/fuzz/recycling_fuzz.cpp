// SPDX-License-Identifier: MIT
// Hazard: a page of a freed block is not cleared, because it was out in swap space, shared with a child, huge, locked, given
// back by the user, or missing in what the kernel told; and the next owner of the block reads what the last one wrote.
// Several threads map blocks, do all that to their pages, hand them over, fork, and free; every byte is compared with what
// this program wrote there.
//
// Usage: recycling_fuzz [--steps N] [--seconds S] [--seed K]
// N operations of all threads; with S again and again, each time with the next seed, until the time is over.
// Exit status: 0, 1 when a byte is wrong or nothing was reused, 2 for bad arguments.
#include <algorithm>   // std::min
#include <array>       // std::array
#include <atomic>      // std::atomic
#include <csignal>     // SIGCHLD
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint8_t, std::uint64_t
#include <cstdio>      // std::fflush, std::printf
#include <cstring>     // std::memset
#include <memory>      // std::unique_ptr
#include <mutex>       // std::mutex
#include <random>      // std::mt19937_64
#include <thread>      // std::thread
#include <utility>     // std::exchange, std::swap
#include <vector>      // std::vector

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/arguments.hpp"   // parse, repeat
#include "support.hpp"          // page
#include "swap.hpp"             // SwapSpace
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/recycling_source.hpp"
#include "tamalloc/system_source.hpp"
#include "tamalloc/zero_init.hpp"   // all_zero

namespace {

using support::page;
using tamalloc::HugePages;

constexpr std::size_t mib = 1 << 20;

struct Counts {
    std::atomic<std::uint64_t> freed = 0, freed_swapped = 0, swapped = 0, huge = 0, forked = 0, cloned = 0, purged = 0,
                               locked = 0;
};
Counts counts;
bool has_swap = false;

// What was written to a page: nothing, one byte of it, or all of it (odd values).
using PageModel = std::vector<std::uint8_t>;

// \returns where in the page the one byte is
std::size_t place(std::size_t index) { return index * 977 % page; }

bool matches(const std::byte* p, std::size_t index, std::uint8_t value) {
    if (value == 0) return tamalloc::all_zero({p, page});
    if (value % 2 == 1) return *p == std::byte{value} && std::memcmp(p, p + 1, page - 1) == 0;
    const auto at = place(index);
    return p[at] == std::byte{value} && tamalloc::all_zero({p, at}) && tamalloc::all_zero({p + at + 1, page - at - 1});
}

template<class Source> class Block {
public:
    explicit Block(std::size_t n) : size_(n), data_(Source{}.map(n, 1).value()), model_(n / page) {}
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { free(); }

    void free() noexcept {
        if (data_ == nullptr) return;
        if (out_ && is_swapped()) ++counts.freed_swapped;
        Source{}.unmap(std::exchange(data_, nullptr), size_);
    }
    [[nodiscard]] std::size_t pages() const { return model_.size(); }
    [[nodiscard]] std::size_t size() const { return size_; }

    void write(std::size_t index, std::uint8_t value) {
        auto* const p = data_ + index * page;
        if (model_[index] != 0) std::memset(p, 0, page);
        if (value % 2 == 1) std::memset(p, value, page);
        else p[place(index)] = std::byte{value};
        model_[index] = value;
    }
    void read(std::size_t index) const { (void)support::read(data_ + index * page); }

    // What the user may do to a block, and undoes before it is freed.
    void purge(std::size_t index, std::size_t count) {
        ::madvise(data_ + index * page, count * page, MADV_DONTNEED);
        std::fill_n(model_.begin() + static_cast<std::ptrdiff_t>(index), count, std::uint8_t{0});
        ++counts.purged;
    }
    void lock(std::size_t index, std::size_t count) {
        if (::mlock(data_ + index * page, count * page) != 0) return;
        ::munlock(data_ + index * page, count * page);
        ++counts.locked;
    }
    void ask_for_huge_pages() {
        ::madvise(data_, size_, MADV_HUGEPAGE);
        for (std::size_t i = 0; i < pages(); i += 2 * mib / page) write(i, 5);
        ::madvise(data_, size_, MADV_NOHUGEPAGE);
        ++counts.huge;
    }
    void push_out() {
        if (!has_swap || support::SwapSpace::push_out({data_, size_}) == 0) return;
        out_ = true;
        ++counts.swapped;
    }

    // Allocates nothing: it runs in children, too.
    [[nodiscard]] bool is_right() const {
        for (std::size_t i = 0; i != pages(); ++i)
            if (!matches(data_ + i * page, i, model_[i])) return false;
        return true;
    }

private:
    [[nodiscard]] bool is_swapped() const noexcept {
        bool swapped = false;
        tamalloc::detail::for_each_extent(data_, data_ + size_, [&](const auto& e, auto&) { swapped |= e.swapped(); });
        return swapped;
    }

    std::size_t size_;
    std::byte* data_;
    PageModel model_;
    bool out_ = false;   // since then some pages may be in swap space
};

template<class Source> class Stress {
public:
    explicit Stress(std::uint64_t seed) : seed_(seed) {}

    // \returns whether every byte was right
    bool run(std::uint64_t steps) {
        constexpr unsigned threads = 4;
        std::vector<std::thread> workers;
        for (unsigned id = 1; id <= threads; ++id)
            workers.emplace_back([this, id, n = steps / threads] { work(seed_ * 1000 + id, n); });
        for (auto& worker : workers) worker.join();
        for (auto& slot : slots_) give_back(slot.block);
        Source::trim();
        const auto stats = Source::stats();
        if (stats.bytes_kept != 0 || stats.blocks_kept != 0) fail("something is kept after trim()");
        return !failed_;
    }

private:
    using Held = std::unique_ptr<Block<Source>>;
    struct Slot {
        std::mutex mutex;
        Held block;
    };

    void fail(const char* what) {
        if (!failed_.exchange(true)) std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed_), what);
    }
    void check(const Held& block, const char* what) {
        if (!block->is_right()) fail(what);
    }
    void give_back(Held& block) {
        if (!block) return;
        check(block, "a block does not hold what was written");
        block.reset();
        ++counts.freed;
    }

    void work(std::uint64_t seed, std::uint64_t steps) {
        std::mt19937_64 random(seed);
        for (std::uint64_t i = 0; i != steps && !failed_; ++i) {
            Held block;
            auto& slot = slots_[random() % slots_.size()];
            {
                const std::scoped_lock lock(slot.mutex);
                std::swap(block, slot.block);
            }
            if (!block) {
                const auto wanted = 128 * 1024 + random() % (random() % 16 == 0 ? 8 * mib : mib);
                block = std::make_unique<Block<Source>>(Source::rounded(wanted));
                if (random() % 2 == 0) check(block, "a new block does not read zero");
            }
            use(*block, random);
            if (random() % 3 == 0) {
                // Reading every page would leave none that was never touched.
                if (random() % 2 == 0) check(block, "a block does not hold what was written");
                block.reset();
                ++counts.freed;
            }
            {
                const std::scoped_lock lock(slot.mutex);
                std::swap(block, slot.block);
            }
            give_back(block);   // that another thread put there meanwhile
            if (random() % 500 == 0) Source::trim();
        }
    }

    void use(Block<Source>& block, std::mt19937_64& random) {
        const auto any = [&] { return random() % block.pages(); };
        const auto value = [&] { return static_cast<std::uint8_t>(random() % 255 + 1); };
        const auto some = [&](std::size_t from) {
            return std::min<std::size_t>(random() % 32 + 1, block.pages() - from);
        };
        switch (random() % 16) {
        case 0:
            for (std::size_t i = 0; i != block.pages(); ++i) block.write(i, value());
            break;
        case 1:
            for (int k = 0; k != 20; ++k) block.read(any());
            break;
        case 2: {
            const auto from = any();
            block.purge(from, some(from));
            break;
        }
        case 3: {
            const auto from = any();
            block.lock(from, some(from));
            break;
        }
        case 4:
            if (block.size() >= 4 * mib) block.ask_for_huge_pages();
            break;
        case 5:
        case 6: block.push_out(); break;
        case 7:
            if (random() % 4 == 0) fork_and_write(block, random);
            break;
        case 8: {   // every other page: more extents than the kernel tells at once
            for (std::size_t i = random() % 2; i < block.pages(); i += 2) block.write(i, 2);
            break;
        }
        default:
            for (auto k = random() % 10; k != 0; --k) block.write(any(), value());
        }
    }

    // Both sides write, and both free.
    void fork_and_write(Block<Source>& block, std::mt19937_64& random) {
        // A raw clone(2) runs no handlers, and ThreadSanitizer knows nothing of it.
        const bool raw = !support::thread_sanitized && random() % 2 == 0;
        const auto pid =
            raw ? static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)) : ::fork();
        if (pid < 0) return;
        const auto index = random() % block.pages();
        if (pid == 0) ::_exit(in_child(block, index));
        ++(raw ? counts.cloned : counts.forked);
        block.write(index, 9);
        block.write(block.pages() - 1, 11);
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (status != 0) fail("a child found a wrong byte");
    }

    // Without malloc, whose locks other threads may have held.
    static int in_child(Block<Source>& block, std::size_t index) {
        if (!block.is_right()) return 1;
        for (std::size_t i = index % 7; i < block.pages(); i += 7) block.write(i, 13);
        if (!block.is_right()) return 2;
        block.free();
        for (int round = 0; round != 3; ++round) {
            std::array<std::byte*, 2> data{};
            for (auto& p : data) {
                p = Source{}.map(block.size(), 1).value_or(nullptr);
                if (p == nullptr || !tamalloc::all_zero({p, block.size()})) return 3;
                for (std::size_t at = 0; at < block.size(); at += 3 * page) p[at] = std::byte{1};
            }
            for (auto* const p : data) Source{}.unmap(p, block.size());
        }
        return 0;
    }

    std::uint64_t seed_;
    std::atomic<bool> failed_ = false;
    std::array<Slot, 16> slots_;
};

constexpr tamalloc::RecyclingOptions small_budget{.budget = 24 * mib, .max_blocks = 16, .decay_ms = 5};
using Default = tamalloc::RecyclingSource<tamalloc::SystemSource, small_budget>;
using Huge = tamalloc::RecyclingSource<tamalloc::MmapSource<{.huge = HugePages::prefer}>, small_budget>;

template<class Source> bool run(std::uint64_t seed, std::uint64_t steps) {
    const auto before = Source::stats().hits;
    if (!Stress<Source>(seed).run(steps)) return false;
    if (Source::stats().hits != before) return true;
    std::printf("nothing was reused\n");
    return false;
}

}   // namespace

int main(int argc, char** argv) {
    const auto arguments = fuzz::parse(argc, argv);
    const support::SwapSpace swap;
    has_swap = swap.problem().empty();
    if (!has_swap) std::printf("nothing is swapped out: %s\n", swap.problem().c_str());
    const bool right = fuzz::repeat(arguments, [&](std::uint64_t seed) {
        std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
        std::fflush(stdout);   // a crash must not take it along, nor a child print it again
        return run<Default>(seed, arguments.steps / 2) && run<Huge>(seed, arguments.steps / 2);
    });
    const auto print = [](const char* what, const std::atomic<std::uint64_t>& n) {
        std::printf("%-20s %12llu\n", what, static_cast<unsigned long long>(n.load()));
    };
    print("blocks freed", counts.freed);
    print("  while swapped out", counts.freed_swapped);
    print("times swapped out", counts.swapped);
    print("times made huge", counts.huge);
    print("times forked", counts.forked);
    print("times cloned", counts.cloned);
    print("times purged", counts.purged);
    print("times locked", counts.locked);
    if (has_swap && counts.freed > 1000 && counts.freed_swapped == 0) {
        std::printf("no block was freed while some of it was swapped out\n");
        return 1;
    }
    return right ? 0 : 1;
}
