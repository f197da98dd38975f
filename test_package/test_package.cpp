// SPDX-License-Identifier: MIT
// Prints the version of the package that was found, and what it takes for results.
#include <cstdio>   // std::printf

#include <tamalloc/tamalloc.hpp>

int main() {
    const tamalloc::vector<int> v(1 << 20);
    std::printf("tamalloc %s, %s::expected\n", TAMALLOC_VERSION_STRING, TAMALLOC_DETAIL_STD_EXPECTED ? "std" : "tl");
    return v.back();
}
