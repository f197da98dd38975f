// SPDX-License-Identifier: MIT
// Eigen: heat spreads in a window of a large plate, over matrices that are maps of vectors.
#include <bit>       // std::bit_cast
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t
#include <memory>    // std::allocator
#include <utility>   // std::swap
#include <vector>    // std::vector

#include <Eigen/Core>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

template<class Allocator> std::uint64_t spread() {
    constexpr Eigen::Index side = 4096, window = 300, steps = 100;   // 128 MiB, of which 300 x 300 numbers are written
    std::vector<double, Allocator> first(static_cast<std::size_t>(side * side)), second(first.size());
    Eigen::Map<Eigen::MatrixXd> now(first.data(), side, side), next(second.data(), side, side);
    now(side / 2, side / 2) = 1e6;
    for (Eigen::Index step = 1; step < steps; ++step) {
        const auto at = side / 2 - window / 2;
        const auto part = [&](Eigen::Index down, Eigen::Index right) {
            return now.block(at + down, at + right, window, window);
        };
        next.block(at, at, window, window) =
            0.5 * part(0, 0) + 0.125 * (part(-1, 0) + part(1, 0) + part(0, -1) + part(0, 1));
        first.swap(second);
        new (&now) Eigen::Map<Eigen::MatrixXd>(first.data(), side, side);
        new (&next) Eigen::Map<Eigen::MatrixXd>(second.data(), side, side);
    }
    work::Checksum sum;
    for (Eigen::Index column = 0; column < side; column += 7)
        sum.add(std::bit_cast<std::uint64_t>(now.col(column).sum()));
    sum.add(std::bit_cast<std::uint64_t>(now.block(0, 0, side / 2, side / 2).norm()));
    return sum.value();
}

}   // namespace

int main(int argc, char** argv) {
    return work::compare(argc, argv, spread<std::allocator<double>>, spread<tamalloc::Allocator<double>>);
}
