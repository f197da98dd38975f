// SPDX-License-Identifier: MIT
// The second unit; see a.cpp.
#include "units.hpp"

Findings findings_of_b() { return findings(); }
