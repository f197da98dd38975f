// SPDX-License-Identifier: MIT
// Hazard: a function in a header is not inline, and two units that include it do not link; or two units compiled to
// different standards take each other's inline functions, whose results have different types. The argument says how many
// copies of the library the program is expected to hold, "one" or "two".
#include <string_view>   // std::string_view

#include "units.hpp"

int main(int argc, char** argv) {
    const std::string_view copies = argc > 1 ? argv[1] : "";
    const Findings a = findings();
    const Findings b = findings_of_b();
    const bool one = a.category == b.category && a.abi == b.abi;
    const bool two = a.category != b.category && a.abi != b.abi;
    const bool right = (copies == "one" && one) || (copies == "two" && two);
    return right && a.all_zero && b.all_zero ? 0 : 1;
}
