// SPDX-License-Identifier: MIT
// Prints what it was built with: version, result type, and the back-end that gave it memory.
#include <iostream>      // std::cout
#include <string_view>   // std::string_view
#include <type_traits>   // std::is_same_v
#include <vector>        // std::vector

#include <tamalloc/tamalloc.hpp>

std::vector<int, tamalloc::Allocator<int>> zeros();   // other.cpp

#if defined(__cpp_lib_expected)
constexpr bool std_expected = std::is_same_v<tamalloc::result<int>, std::expected<int, std::error_code>>;
#else
constexpr bool std_expected = false;
#endif

int main() {
    const tamalloc::BackendInfo info = tamalloc::backend();
    const std::string_view backend = info.backend == tamalloc::Backend::mmap ? "mmap" : "kernel";
    std::cout << "tamalloc " << TAMALLOC_VERSION_STRING << ", " << (std_expected ? "std" : "tl")
              << "::expected, back-end " << backend << ": " << info.reason << '\n';
    return zeros().back();
}
