// SPDX-License-Identifier: MIT
//
// The commands: one function and one .cpp each.
#pragma once
#include "options.hpp"   // Options

namespace tamstat {

// \returns the exit status
// \throws Failure; main prints it
int run_ps(const Options&);
int run_show(const Options&);
int run_maps(const Options&);
int run_top(const Options&);
int run_sys(const Options&);
int run_oom(const Options&);
int run_demo(const Options&);
int run_snapshot(const Options&);
int run_diff(const Options&);
int run_run(const Options&);
int run_export(const Options&);
int run_doctor(const Options&);
int run_help(const Options&);
int run_completion(const Options&);

}   // namespace tamstat
