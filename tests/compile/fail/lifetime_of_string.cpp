// SPDX-License-Identifier: MIT
// expect-error: ImplicitLifetime|no matching function
// A class with a destructor that does something cannot begin to exist without its constructor.
#include "tamalloc/zero_init.hpp"
#include <string>
std::string* f(void* p) { return tamalloc::start_lifetime_as<std::string>(p); }
