// SPDX-License-Identifier: MIT
// What Boost.Container does that tamalloc::Allocator cannot know of, and PageAllocator need not: it copies elements that are trivially
// copyable into storage by memcpy. Usage: boost_limit Allocator|PageAllocator
// Exit status: 0, 1 where an element that must be 0 is not; with TAMALLOC_VERIFY the library ends the program before that.
#include <algorithm>     // std::ranges::all_of
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <boost/container/vector.hpp>

#include "counted_source.hpp"
#include "tamalloc/allocator.hpp"

namespace {

using Source = external::CountedSource;
constexpr tamalloc::AllocatorOptions eager{.zero = tamalloc::Zeroing::eager};

struct Point {
    int x = 0, y = 0;
};

template<class Allocator> int copied_then_cleared() {
    const std::vector<Point> points(100'000, Point{1, 2});
    boost::container::vector<Point, Allocator> v;
    v.reserve(points.size());
    v.insert(v.end(), points.data(), points.data() + points.size());
    v.clear();
    v.resize(points.size());
    return std::ranges::all_of(v, [](const Point& p) { return p.x == 0 && p.y == 0; }) ? 0 : 1;
}

}   // namespace

int main(int argc, char** argv) {
    const std::string_view which = argc == 2 ? argv[1] : "";
    if (which == "Allocator") return copied_then_cleared<tamalloc::Allocator<Point, Source>>();
    if (which == "PageAllocator") return copied_then_cleared<tamalloc::Allocator<Point, Source, eager>>();
    return 2;
}
