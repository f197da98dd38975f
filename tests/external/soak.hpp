// SPDX-License-Identifier: MIT
//
// Threads that allocate, write, change, swap out, fork and free objects of all kinds, while another one reads statistics: in
// rounds, under one limit after the other.
//
//   namespace soak {
//     template<class Source> class Soak;
//   }
#pragma once
#include <algorithm>   // std::max, std::min
#include <array>       // std::array
#include <atomic>      // std::atomic
#include <cerrno>      // errno
#include <chrono>      // std::chrono::steady_clock
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::fflush, std::printf
#include <latch>       // std::latch
#include <memory>      // std::unique_ptr
#include <mutex>       // std::mutex, std::scoped_lock
#include <new>         // std::bad_alloc
#include <optional>    // std::optional
#include <span>        // std::as_writable_bytes
#include <string>      // std::string, std::to_string
#include <thread>      // std::thread
#include <utility>     // std::exchange, std::move, std::swap

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balance.hpp"
#include "limits.hpp"
#include "objects.hpp"
#include "statistics.hpp"
#include "support.hpp"   // page, sanitized, thread_sanitized
#include "swap.hpp"      // SwapSpace

namespace soak {

enum class Turn : unsigned char { unlimited, address_space, memory };
constexpr std::size_t turns = 3;

struct Counts {
    std::atomic<std::uint64_t> objects = 0, bytes_checked = 0, refused = 0, forked = 0, most_swapped = 0, readings = 0;
};

/// One at a time: it changes limits of the process.
template<class Source> class Soak {
public:
    explicit Soak(std::uint64_t seed) : seed_(seed) {
        if (group_.problem().empty()) group_.set_limit(memory_of_group);
        statistics_ = std::thread([this] {
            for (; !done_; std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
                if (const auto problem = impossible_statistics(); !problem.empty()) fail(problem);
                ++counts_.readings;
                counts_.most_swapped = std::max(counts_.most_swapped.load(), tamalloc::process_stats().value().swap);
            }
        });
    }
    Soak(const Soak&) = delete;
    Soak& operator=(const Soak&) = delete;
    ~Soak() {
        done_ = true;
        statistics_.join();
    }

    /// \returns why there is no such turn here; empty when there is
    [[nodiscard]] std::string why_not(Turn turn) const {
        if (turn == Turn::address_space && support::sanitized) return "sanitizers reserve more than any limit";
        if (turn == Turn::memory && !group_.problem().empty()) return group_.problem();
        if (turn == Turn::memory && !swap_.problem().empty()) return swap_.problem();
        return {};
    }

    /// Two seconds or more; afterwards everything is freed and given back.
    /// \requires why_not(turn).empty()
    /// \returns whether all was right so far
    [[nodiscard]] bool play(Turn turn) {
        ++rounds_;
        std::latch ready(1);
        std::array<std::thread, workers> threads;   // before the limit: their stacks need address space, too
        for (unsigned id = 0; id != workers; ++id)
            threads[id] = std::thread([this, &ready, random = Random(seed_ + rounds_ * workers + id)]() mutable {
                ready.wait();
                const auto end = Clock::now() + round_length;
                for (unsigned n = 0; (n < least_steps || Clock::now() < end) && !failed_; ++n) step(random);
            });
        {
            std::optional<AddressSpaceLimit> limit;
            if (turn == Turn::address_space) limit.emplace(more_address_space);
            little_ = turn == Turn::memory;
            if (little_) group_.set_limit(little_memory);
            ready.count_down();
            for (auto& thread : threads) thread.join();
        }
        if (little_) group_.set_limit(memory_of_group);
        for (auto& slot : slots_) retire(slot.object);
        if (touched_ != 0) fail("the count of what is touched is wrong");
        give_back();
        return !failed_;
    }

    [[nodiscard]] const Counts& counts() const { return counts_; }
    /// \returns how often the kernel refused more memory to the control group, and took some away
    [[nodiscard]] std::uint64_t times_short() const { return group_.times_reached(); }

    /// Says why at once; then the round ends.
    void fail(const std::string& why) {
        if (!failed_.exchange(true))
            std::printf("failed, seed %llu: %s\n", static_cast<unsigned long long>(seed_), why.c_str());
    }

private:
    using Clock = std::chrono::steady_clock;
    using Held = std::unique_ptr<Object>;
    struct Slot {
        std::mutex mutex;
        Held object;
    };

    static constexpr unsigned workers = 4;
    static constexpr auto round_length = std::chrono::seconds(2);
    static constexpr unsigned least_steps = 60;   // of a worker in a round: an emulated processor is slow
    // Bytes: of all objects together, but for what threads are just doing; in the round with little memory.
    static constexpr std::size_t most_touched = 48 * mib, most_touched_in_little = 12 * mib;
    // With what is kept, 1/8 of the first, copied and forked there is enough of the first without swap space, and not of the
    // second; with 32 MiB of swap space there is.
    static constexpr std::size_t memory_of_group = 96 * mib, little_memory = 6 * mib;
    static constexpr std::size_t more_address_space = 16 * mib;   // than at the start of the round

    void give_back() {
        if (const auto kept = Source::stats().bytes_kept; kept > Source::budget())
            fail(std::to_string(kept) + " bytes are kept, and " + std::to_string(Source::budget()) + " allowed");
        Source::trim();
        if (const auto stats = Source::stats(); stats.blocks_kept != 0 || stats.bytes_reserved != 0)
            fail("something is kept after trim()");
    }

    // ---- a step ----

    void step(Random& random) {
        auto& slot = slots_[random() % slots_.size()];
        auto object = exchange(slot, nullptr);
        try {
            if (object == nullptr) object = make(random);
            use(*object, random);
        } catch (const std::bad_alloc&) {
            ++counts_.refused;
        }
        if (object == nullptr) return;
        charge(*object);
        if (random() % 6 != 0 && !is_full()) object = exchange(slot, std::move(object));
        retire(object, random() % 4 != 0);   // also what another thread put there meanwhile
    }

    static Held exchange(Slot& slot, Held object) {
        const std::scoped_lock lock(slot.mutex);
        std::swap(slot.object, object);
        return object;
    }

    [[nodiscard]] Held make(Random& random) {
        auto object = make_object<Source>(random);
        ++counts_.objects;
        if (random() % 4 == 0) check(*object, object->check());
        return object;
    }

    // Unread: reading all of it would leave no page that was never touched to the next.
    void retire(Held& object, bool unread = false) {
        if (object == nullptr) return;
        check(*object, unread ? object->check_populated() : object->check());
        touched_ -= object->charged;
        object.reset();
    }

    void check(Object& object, const std::optional<Fault>& fault) {
        counts_.bytes_checked += object.elements().size_bytes();
        if (!fault) return;
        std::array<char, 200> text{};
        std::snprintf(text.data(), text.size(), "element %zu of the %zu of a %s is %#llx, and must be %#llx",
                      fault->index, object.elements().size(), object.name(),
                      static_cast<unsigned long long>(fault->found), static_cast<unsigned long long>(fault->expected));
        fail(text.data());
    }

    [[nodiscard]] bool is_full() const { return touched_ > (little_ ? most_touched_in_little : most_touched); }
    void charge(Object& object) {
        const auto now = object.resident();
        touched_ += now - std::exchange(object.charged, now);
    }

    // ---- what is done to an object ----

    void use(Object& object, Random& random) {
        switch (random() % 8) {
        case 0:
            if (object.model.has_room()) object.change(random);
            break;
        case 1: push_out(object); break;
        case 2:
            if (random() % 8 == 0) fork_and_write(object, random);
            break;
        case 3: check(object, object.check_populated()); break;
        default:
            for (auto n = random() % 6; n != 0 && !is_full(); --n) {
                write(object, random);
                charge(object);
            }
        }
    }

    static void write(Object& object, Random& random) {
        const auto elements = object.elements();
        if (elements.empty() || !object.model.has_room()) return;
        const auto most = random() % 4 == 0 ? mib / sizeof(Element) : 8;
        const auto first = random() % elements.size();
        const auto last = first + std::min<std::size_t>(random() % most + 1, elements.size() - first);
        object.model.write(elements, first, last, random());
    }

    void push_out(Object& object) {
        if (!swap_.problem().empty()) return;
        const auto bytes = std::as_writable_bytes(object.elements());
        const auto whole_pages = std::min(bytes.size() / support::page * support::page, mib);   // zram compresses
        (void)support::SwapSpace::push_out(bytes.first(whole_pages));
    }

    // Both sides write, and the child frees what it has and takes more.
    void fork_and_write(Object& object, Random& random) {
        // A raw clone(2) runs no handlers, and ThreadSanitizer knows nothing of it.
        const bool raw = !support::thread_sanitized && random() % 2 == 0;
        const auto pid =
            raw ? static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)) : ::fork();
        if (pid == 0) ::_exit(in_child(object, random));
        if (pid < 0) {
            ++counts_.refused;
            return;
        }
        ++counts_.forked;
        write(object, random);
        int status = 0;
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (status != 0)
            fail("a child that has a " + std::string(object.name()) + " ended with status " + std::to_string(status));
    }

    // Without malloc, whose locks other threads may have held.
    [[nodiscard]] static int in_child(Object& object, Random& random) {
        if (object.check()) return 1;
        for (int n = 0; n != 4; ++n) write(object, random);
        if (object.check_populated()) return 2;
        const auto size = Source::rounded(object.elements().size_bytes());
        object.drop();
        for (int n = 0; n != 3; ++n) {
            const auto block = Source{}.map(size, 1);
            if (!block) continue;   // a limit
            if (!tamalloc::all_zero({*block, size})) return 3;
            for (std::size_t at = 0; at < std::min(size, mib); at += 3 * support::page) (*block)[at] = std::byte{1};
            Source{}.unmap(*block, size);
        }
        return 0;
    }

    Counts counts_;
    std::uint64_t seed_, rounds_ = 0;
    std::atomic<bool> failed_ = false, done_ = false, little_ = false;
    std::atomic<std::size_t> touched_ = 0;   // bytes
    std::array<Slot, 24> slots_;
    ControlGroup group_;
    support::SwapSpace swap_;
    std::thread statistics_;
};

}   // namespace soak
