// SPDX-License-Identifier: MIT
// Hazard: a type is taken for all-zero that is not: a null pointer to data member is -1, a member has an initialiser, a
// union hides either. Then elements that were never written hold the wrong value.
#include "tamalloc/zero_init.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tamalloc/testing.hpp"

using tamalloc::ImplicitLifetime;
using tamalloc::ZeroInitializable;

namespace types {

enum class Colour : unsigned char { red = 1 };
struct Padded {
    int number;
    char letter;
};
struct Derived : Padded {
    double more;
};
class Private {
    [[maybe_unused]] int a_;
    [[maybe_unused]] short b_;
};
struct Megabyte {
    std::array<char, 1 << 20> bytes;
};
struct ZeroInitialised {
    int x = 0, y = 0;
};
struct OneInitialised {
    int x = 1;
};
struct NegativeZero {
    double d = -0.0;
};
struct PaddedInitialised {
    char c = 0;
    int x = 0;
};
struct DataMemberPointer {
    int Padded::* member;
};
struct DataMemberPointers {   // g++ 12 constant-evaluates std::bit_cast into these
    int Padded::* members[1];
};
struct DataMemberPointersAndPadding {
    char c;
    DataMemberPointers inner[2];
    short s;
};
struct BitFields {
    unsigned a : 3 = 0, b : 3 = 0;
};
union Union {
    int i;
    float f;
};
struct HoldsUnions {   // looking at its bytes crashes g++ 12
    Union u[2];
};
struct HoldsAnonymousUnion {
    struct {
        union {
            int* p;
            long l;
        };
    } inner[2];
};
struct HoldsUnion {
    Union u;
};
struct Pointer {
    int* p;
    int v;
};
struct OptedIn {
    OptedIn* next;
    std::size_t key;
};
struct Volatile {
    volatile int v;
};
struct Virtual {
    virtual ~Virtual() = default;
};
struct Reference {
    int& r;
};
struct Owner {
    std::unique_ptr<int> p;
};
class MoveOnly {
public:
    MoveOnly() = default;
    MoveOnly(MoveOnly&&) = default;
    MoveOnly& operator=(MoveOnly&&) = default;

private:
    [[maybe_unused]] int handle_;
};
struct HoldsAtomic {
    std::atomic<int> a;
    std::atomic<ZeroInitialised> b;
};
struct Counts {   // T() has a side effect
    static inline int made = 0;
    int x;
    Counts() : x(0) { ++made; }
};

}   // namespace types

template<> inline constexpr bool tamalloc::enable_zero_init<types::OptedIn> = true;
template<> inline constexpr bool tamalloc::enable_zero_init<types::Owner> = true;   // in vain: no implicit lifetime

using namespace types;

static_assert(ZeroInitializable<int> && ZeroInitializable<bool> && ZeroInitializable<double>);
static_assert(ZeroInitializable<long double> && ZeroInitializable<std::byte> && ZeroInitializable<Colour>);
static_assert(ZeroInitializable<std::nullptr_t> && ZeroInitializable<int*> && ZeroInitializable<void (*)()>);
static_assert(ZeroInitializable<void (Virtual::*)()>);
static_assert(ZeroInitializable<tamalloc::detail::Int128> && ZeroInitializable<tamalloc::detail::UnsignedInt128>);
static_assert(ZeroInitializable<int[4]> && ZeroInitializable<double[2][2]> && ZeroInitializable<std::array<int, 4>>);
static_assert(ZeroInitializable<Padded> && ZeroInitializable<Padded[3]> && ZeroInitializable<Derived>);
static_assert(ZeroInitializable<Private> && ZeroInitializable<Megabyte> && ZeroInitializable<MoveOnly>);
static_assert(ZeroInitializable<ZeroInitialised>);
static_assert(ZeroInitializable<std::chrono::nanoseconds> && ZeroInitializable<std::chrono::system_clock::time_point>);
static_assert(ZeroInitializable<std::chrono::year_month_day>);
static_assert(ZeroInitializable<std::bitset<64>> && ZeroInitializable<std::bitset<100>>);
static_assert(ZeroInitializable<std::complex<float>> && ZeroInitializable<std::complex<double>>);
static_assert(ZeroInitializable<std::pair<int, double>> && ZeroInitializable<std::tuple<char, int, Padded>>);
static_assert(ZeroInitializable<OptedIn>);

static_assert(!ZeroInitializable<int Padded::*> && !ZeroInitializable<DataMemberPointer>);
static_assert(!ZeroInitializable<DataMemberPointers> && !ZeroInitializable<DataMemberPointersAndPadding>);
static_assert(!ZeroInitializable<std::array<int Padded::*, 2>> && !ZeroInitializable<int Padded::* [2][2]>);
static_assert(!ZeroInitializable<DataMemberPointers[2]> && !ZeroInitializable<std::array<DataMemberPointers, 3>>);
static_assert(!ZeroInitializable<Union> && !ZeroInitializable<HoldsUnion> && !ZeroInitializable<Pointer>);
static_assert(!ZeroInitializable<HoldsUnions> && !ZeroInitializable<HoldsUnions[2]> && !ZeroInitializable<Union[2][2]>);
static_assert(!ZeroInitializable<HoldsAnonymousUnion> && !ZeroInitializable<std::array<Union, 4>>);
static_assert(!ZeroInitializable<OneInitialised> && !ZeroInitializable<NegativeZero>);
static_assert(!ZeroInitializable<PaddedInitialised>);   // conservative: what padding holds cannot be seen
static_assert(!ZeroInitializable<Volatile> && !ZeroInitializable<Virtual> && !ZeroInitializable<Reference>);
static_assert(!ZeroInitializable<Owner> && !ZeroInitializable<Counts>);
static_assert(!ZeroInitializable<std::atomic<int>> && !ZeroInitializable<HoldsAtomic>);
static_assert(!ZeroInitializable<std::optional<int>> && !ZeroInitializable<std::variant<int>>);
static_assert(!ZeroInitializable<std::string_view> && !ZeroInitializable<std::span<int>>);
static_assert(!ZeroInitializable<std::string> && !ZeroInitializable<std::vector<int>>);
static_assert(!ZeroInitializable<const int> && !ZeroInitializable<volatile int> && !ZeroInitializable<int&>);
static_assert(!ZeroInitializable<void> && !ZeroInitializable<int()> && !ZeroInitializable<int[]>);
static_assert(!ZeroInitializable<std::pair<int, int Padded::*>> && !ZeroInitializable<std::tuple<int, Union>>);
static_assert(ImplicitLifetime<int> && ImplicitLifetime<Padded> && !ImplicitLifetime<std::string>);

TEST_CASE_TEMPLATE("what is taken for zero bytes is zero bytes", T, int, double, long double, int*, void (Virtual::*)(),
                   std::nullptr_t, Padded, Derived, ZeroInitialised, std::array<int, 4>, std::bitset<100>,
                   std::chrono::nanoseconds, std::complex<double>, std::pair<char, double>,
                   std::tuple<char, int, Padded>, OptedIn) {
    static_assert(ZeroInitializable<T>);
    CHECK(tamalloc::testing::verify_zero_init<T>());
}

TEST_CASE("verify_zero_init sees through padding bits") { CHECK(tamalloc::testing::verify_zero_init<BitFields>()); }

TEST_CASE("start_lifetime_as keeps the bytes") {
    alignas(Padded) std::array<std::byte, sizeof(Padded)> storage{};
    const Padded source{41, 'x'};
    std::memcpy(storage.data(), &source, sizeof source);
    const auto* const object = tamalloc::start_lifetime_as<Padded>(storage.data());
    CHECK(object->number == 41);
    CHECK(object->letter == 'x');

    alignas(int) std::array<std::byte, 4 * sizeof(int)> zeros{};
    const int* const numbers = tamalloc::start_lifetime_as_array<int>(zeros.data(), 4);
    for (int i = 0; i < 4; ++i) CHECK(numbers[i] == 0);
}

TEST_CASE("all_zero sees every byte") {
    CHECK(tamalloc::all_zero({}));
    for (const std::size_t n : {1U, 2U, 3U, 63U, 64U, 65U, 4096U}) {
        std::vector<std::byte> bytes(n);
        CHECK(tamalloc::all_zero(bytes));
        for (std::size_t i = 0; i < n; i += n > 100 ? 31 : 1) {
            bytes[i] = std::byte{1};
            CHECK(!tamalloc::all_zero(bytes));
            bytes[i] = std::byte{0};
        }
        bytes.back() = std::byte{0x80};
        CHECK(!tamalloc::all_zero(bytes));
    }
}
