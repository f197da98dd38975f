// SPDX-License-Identifier: MIT
// Hazard: what holds in a test of a second may not hold for hours. A page that is not zero once in a million, a mapping that
// stays behind once in a thousand, a kilobyte a minute, a figure that is wrong while a process forks: none of it is seen
// before a service has run for a day. So everything is done at once and for long, every byte is compared with what was
// written, and after each round nothing may be left.
//
// Usage: soak [--seconds S] [--seed K]
// Exit status: 0, 1 when something was wrong, 2 for bad arguments. Needs much of the machine: may add swap space, moves
// into a control group of its own where it may.
#include "run_soak.hpp"
#include "tamalloc/default_source.hpp"

int main(int argc, char** argv) { return soak::run<tamalloc::DefaultSource>(argc, argv); }
