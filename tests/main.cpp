// SPDX-License-Identifier: MIT
// The unit tests, as one program.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
