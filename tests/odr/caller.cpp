// SPDX-License-Identifier: MIT
// Hazard: a function declared in one unit and defined in another that sees other types behind the same names is called
// all the same. The types are part of the symbol, so that such units do not link.
#include "tamalloc/tamalloc.hpp"

int take(const tamalloc::result<int>& value);
int take(const tamalloc::Allocator<int>& allocator);

int main() { return take(tamalloc::result<int>(0)) + take(tamalloc::Allocator<int>()); }
