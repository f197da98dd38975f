// SPDX-License-Identifier: MIT
// A hash table that never grows and never rehashes, because it can be as large as one likes from the start: empty slots cost
// no memory. The value zero means "empty", so zeroed memory is a table that is ready for use, and reset() empties it.
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t
#include <cstdio>    // std::printf
#include <span>      // std::as_bytes, std::span

#include "tamalloc/mmap_source.hpp"    // MmapSource
#include "tamalloc/residency.hpp"      // resident_bytes
#include "tamalloc/zeroed_array.hpp"   // ZeroedArray

namespace {

// Open addressing: a key stands in the first free slot from its hash on. Keys are not 0.
class Table {
public:
    static constexpr std::size_t slots = std::size_t{1} << 28;

    // \returns the value of the key; a new one is 0
    std::uint64_t& operator[](std::uint64_t key) {
        Slot& slot = slots_[position(key)];
        slot.key = key;
        return slot.value;
    }

    // \returns null when there is no such key
    [[nodiscard]] const std::uint64_t* find(std::uint64_t key) const {
        const Slot& slot = slots_[position(key)];
        return slot.key == key ? &slot.value : nullptr;
    }

    void clear() { slots_.reset(); }   // costs the pages that were used, not the slots there are

    [[nodiscard]] std::size_t reserved() const { return slots_.size_bytes(); }
    [[nodiscard]] std::size_t committed() const {
        return tamalloc::resident_bytes(std::as_bytes(std::span(slots_))).value_or(0);
    }

private:
    struct Slot {
        std::uint64_t key, value;
    };

    [[nodiscard]] std::size_t position(std::uint64_t key) const {
        std::size_t i = (key * 0x9E3779B97F4A7C15) >> 36;   // Fibonacci hashing: the upper 28 bits
        while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) % slots;
        return i;
    }

    // A hash scatters the keys: huge pages would make 2 MiB of memory for each.
    tamalloc::ZeroedArray<Slot, tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>> slots_{slots};
};

}   // namespace

int main() {
    constexpr std::size_t keys = 10'000;
    Table table;
    std::printf("%zu slots: reserved %zu MiB, committed %zu MiB\n", Table::slots, table.reserved() >> 20,
                table.committed() >> 20);
    for (int round = 1; round <= 2; ++round) {
        for (std::uint64_t key = 1; key <= keys; ++key) table[key] += key * key;
        const auto committed = table.committed();
        std::size_t found = 0, right = 0;
        for (std::uint64_t key = 1; key <= 2 * keys; ++key) {
            const auto* const value = table.find(key);
            if (value == nullptr) continue;
            ++found;
            if (*value == key * key) ++right;
        }
        std::printf("round %d: %zu keys in %zu MiB, of twice as many %zu are found, %zu right\n", round, keys,
                    committed >> 20, found, right);

        table.clear();
        std::printf("cleared: committed %zu MiB\n", table.committed() >> 20);
        if (found != keys || right != keys || committed > (64 << 20) || table.find(1) != nullptr) return 1;
    }
    return 0;
}
