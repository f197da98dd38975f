// SPDX-License-Identifier: MIT
// expect-error: deleted
// It would look at memory that is gone, and find nothing.
#include "tamalloc/sparse_vector.hpp"

int main() {
    for (const auto run : tamalloc::SparseVector<int>(5).populated()) (void)run;
}
