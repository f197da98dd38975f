// SPDX-License-Identifier: MIT
//
// What the demonstration does to a vector: writes 1 % of it in a pattern that can be seen, and reads that back.
//
//   namespace workload {
//     std::size_t size_for(double bytes);
//     template<class F> void for_each_run(std::size_t n, F);
//     void write(double* data, std::size_t n);
//     struct Reading;  Reading read(const double* data, std::size_t n);
//     std::uint64_t bytes_of_pages(const double* data, std::size_t n, std::size_t page);
//   }
#pragma once
#include <algorithm>   // std::max
#include <cmath>       // std::exp, std::llround
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t, std::uintptr_t

namespace workload {

inline constexpr std::size_t rows = 16, columns = 64, tiles = rows * columns;   // fits on a terminal
inline constexpr std::size_t run_length = 512;   // elements that are written together: 4 KiB

/// \returns how many elements make `bytes`, rounded down so that each tile is made of whole runs
inline std::size_t size_for(double bytes) {
    return static_cast<std::size_t>(bytes) / sizeof(double) / (tiles * run_length) * (tiles * run_length);
}

/// \returns how much of a tile is written: a dense cluster, a wide one and a band, together 1 % of all tiles
inline double density(std::size_t tile) {
    const auto tile_row = tile / columns, tile_column = tile % columns;
    const auto row = static_cast<double>(tile_row), column = static_cast<double>(tile_column);
    const auto cluster = [&](double r, double c, double size) {   // a character is about twice as high as wide
        return std::exp(-(4 * (row - r) * (row - r) + (column - c) * (column - c)) / size);
    };
    if (tile_row == 12 && tile_column >= 34 && tile_column < 38) return 1;
    return std::max(0.0, 0.5 * cluster(4, 12, 4) + 0.072 * cluster(6, 47, 30) - 0.001);
}

/// \effects calls f(first, last) for each run of elements to write in a vector of n, in order
template<class F> void for_each_run(std::size_t n, F f) {
    const auto tile_runs = n / tiles / run_length;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const auto runs = static_cast<std::size_t>(std::llround(density(tile) * static_cast<double>(tile_runs)));
        for (std::size_t i = 0; i < runs; ++i) {
            const auto first = (tile * tile_runs + i * tile_runs / runs) * run_length;
            f(first, first + run_length);
        }
    }
}

/// \returns what is written to an element: never zero, and small, so that sums are exact
inline double value(std::size_t index) { return static_cast<double>(1 + index % 7); }

inline void write(double* data, std::size_t n) {
    for_each_run(n, [&](std::size_t first, std::size_t last) {
        for (auto i = first; i != last; ++i) data[i] = value(i);
    });
}

struct Reading {
    double sum = 0, expected_sum = 0;          // of the elements that were written
    std::size_t written = 0;                   // how many of them there are
    std::size_t untouched = 0, not_zero = 0;   // others that were read, and those of them that were wrong
};

/// \returns all that was written, and of the rest every 4096th part
inline Reading read(const double* data, std::size_t n) {
    Reading reading;
    const auto step = n / 4096;
    std::size_t sample = step / 2;
    const auto sample_up_to = [&](std::size_t end) {
        for (; sample < end; sample += step, ++reading.untouched) reading.not_zero += data[sample] != 0;
    };
    for_each_run(n, [&](std::size_t first, std::size_t last) {
        sample_up_to(first);
        for (auto i = first; i != last; ++i) {
            reading.sum += data[i];
            reading.expected_sum += value(i);
        }
        reading.written += last - first;
        while (sample < last) sample += step;
    });
    sample_up_to(n);
    return reading;
}

/// \returns the bytes of the pages in which something is written: what that costs at least
inline std::uint64_t bytes_of_pages(const double* data, std::size_t n, std::size_t page) {
    std::uintptr_t pages = 0, next = 0;
    for_each_run(n, [&](std::size_t first, std::size_t last) {
        const auto begin = std::max(next, reinterpret_cast<std::uintptr_t>(data + first) / page);
        next = (reinterpret_cast<std::uintptr_t>(data + last) - 1) / page + 1;
        pages += next - begin;
    });
    return pages * page;
}

}   // namespace workload
