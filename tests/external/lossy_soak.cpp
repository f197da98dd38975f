// SPDX-License-Identifier: MIT
// Hazard: a soak that sees nothing. This one has a source that loses a zero in one of 2^20 pages, and has to fail.
#include <atomic>    // std::atomic
#include <cstddef>   // std::byte, std::size_t

#include "run_soak.hpp"
#include "support.hpp"   // page
#include "tamalloc/default_source.hpp"

namespace {

struct LossySource : tamalloc::DefaultSource {
    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        static std::atomic<std::size_t> pages = 0;
        constexpr std::size_t period = 1 << 20;
        const auto block = tamalloc::DefaultSource::map(n, align);
        if (!block) return block;
        const auto before = pages.fetch_add(n / support::page);
        const auto left = period - before % period;   // to the one
        if (left <= n / support::page) (*block)[left * support::page - 1 - before % support::page] = std::byte{1};
        return block;
    }
    friend bool operator==(const LossySource&, const LossySource&) = default;
};

}   // namespace

int main(int argc, char** argv) { return soak::run<LossySource>(argc, argv); }
