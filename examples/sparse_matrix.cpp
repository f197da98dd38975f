// SPDX-License-Identifier: MIT
// A matrix of 100 000 x 100 000 doubles, 80 GB, as an ordinary std::vector: memory is needed for the band of it that is not
// zero. No list of indices, no special matrix type; empty parts are found by asking where there is memory.
#include <algorithm>   // std::max, std::min, std::ranges::count
#include <cstddef>     // std::size_t
#include <cstdio>      // std::printf
#include <span>        // std::as_bytes, std::span
#include <vector>      // std::vector

#include "tamalloc/allocator.hpp"     // vector
#include "tamalloc/mmap_source.hpp"   // MmapSource
#include "tamalloc/residency.hpp"     // PopulatedView, resident_bytes

namespace {

constexpr std::size_t n = 100'000;

// Square tiles keep neighbours in both directions close, and make few elements: time follows these, memory does not.
constexpr std::size_t side = 64;
struct Tile {
    double at[side][side];
};
static_assert(tamalloc::ZeroInitializable<Tile>);   // so a tile nobody writes costs nothing

class Matrix {
public:
    double& operator()(std::size_t i, std::size_t j) {
        return tiles_[i / side * tiles_per_row + j / side].at[i % side][j % side];
    }

    [[nodiscard]] std::vector<double> operator*(const std::vector<double>& x) const {
        std::vector<double> y(n);
        for (const std::span<const Tile> run : tamalloc::PopulatedView(std::span(tiles_)))   // the others are zero
            for (const Tile& tile : run) multiply(tile, static_cast<std::size_t>(&tile - tiles_.data()), x, y);
        return y;
    }

    [[nodiscard]] std::size_t reserved() const { return std::as_bytes(std::span(tiles_)).size(); }
    [[nodiscard]] std::size_t committed() const {
        return tamalloc::resident_bytes(std::as_bytes(std::span(tiles_))).value_or(0);
    }

private:
    static void multiply(const Tile& tile, std::size_t index, const std::vector<double>& x, std::vector<double>& y) {
        const auto top = index / tiles_per_row * side, left = index % tiles_per_row * side;
        for (std::size_t i = 0; i < std::min(side, n - top); ++i)
            for (std::size_t j = 0; j < std::min(side, n - left); ++j) y[top + i] += tile.at[i][j] * x[left + j];
    }

    static constexpr std::size_t tiles_per_row = (n + side - 1) / side;
    // Tiles of the band lie far apart: huge pages would make 2 MiB of memory for each.
    using Source = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;
    tamalloc::vector<Tile, Source> tiles_ = tamalloc::vector<Tile, Source>(tiles_per_row * tiles_per_row);
};

}   // namespace

int main() {
    Matrix a;
    std::printf("empty:  reserved %zu GB, committed %zu MiB\n", a.reserved() / 1'000'000'000, a.committed() >> 20);

    for (std::size_t i = 0; i < n; ++i)   // second differences
        for (std::size_t j = std::max<std::size_t>(i, 1) - 1; j < std::min(i + 2, n); ++j) a(i, j) = i == j ? 2 : -1;
    const auto committed = a.committed();
    std::printf("banded: reserved %zu GB, committed %zu MiB\n", a.reserved() / 1'000'000'000, committed >> 20);

    std::vector<double> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<double>(i);
    const auto y = a * x;
    const auto zeros = static_cast<std::size_t>(std::ranges::count(y, 0.0));
    std::printf("a * x: first %g, last %g, %zu zeros between\n", y.front(), y.back(), zeros);

    return zeros == n - 2 && y.front() == -1 && y.back() == n && committed < (128 << 20) ? 0 : 1;
}
