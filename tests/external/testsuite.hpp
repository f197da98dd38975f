// SPDX-License-Identifier: MIT
// What nearly every test of libstdc++'s containers includes, to be compiled once.
#pragma once
#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include <testsuite_hooks.h>
