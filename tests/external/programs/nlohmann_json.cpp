// SPDX-License-Identifier: MIT
// nlohmann-json: a document is made, written, read again and changed. A value holds containers of values, which are not complete
// there: the case for PageAllocator.
#include <cstdint>   // std::int64_t, std::uint64_t
#include <map>       // std::map
#include <memory>    // std::allocator
#include <random>    // std::mt19937_64
#include <string>    // std::string, std::to_string
#include <vector>    // std::vector

#include <nlohmann/json.hpp>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

template<template<class> class Allocator>
using Json =
    nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, double, Allocator>;

template<template<class> class Allocator> std::uint64_t document() {
    using Document = Json<Allocator>;
    std::mt19937_64 random(2);
    Document all = Document::array();
    for (int i = 0; i < 20'000; ++i) {
        Document entry;
        entry["name"] = "entry " + std::to_string(random() % 1'000'000);
        entry["even"] = i % 2 == 0;
        for (int j = 0; j < 10; ++j) entry["values"].push_back(random() % 1'000'000);
        all.push_back(entry);
    }
    auto again = Document::parse(all.dump());
    for (auto& entry : again) entry["values"].erase(random() % 10);
    work::Checksum sum;
    for (const char c : again.dump(1)) sum.add(static_cast<unsigned char>(c));
    sum.add(again == all ? 1 : 0);
    return sum.value();
}

}   // namespace

int main(int argc, char** argv) {
    return work::compare(argc, argv, document<std::allocator>, document<tamalloc::PageAllocator>);
}
