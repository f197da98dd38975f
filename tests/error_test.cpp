// SPDX-License-Identifier: MIT
// Hazard: a caller that compares with the portable condition (std::errc) misses the library's own code, or catches
// std::bad_alloc and does not get what the library throws.
#include "tamalloc/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <ostream>
#include <string>
#include <system_error>

using tamalloc::errc;

static_assert(std::is_error_code_enum_v<errc>);
static_assert(std::is_base_of_v<std::bad_alloc, tamalloc::AllocationFailure>);
static_assert(std::is_nothrow_copy_constructible_v<tamalloc::AllocationFailure>);
static_assert(std::is_same_v<tamalloc::result<int>, tamalloc::expected<int, std::error_code>>);

TEST_CASE("errc compares equal to the portable conditions") {
    CHECK(std::error_code(errc::zero_size) == std::errc::invalid_argument);
    CHECK(std::error_code(errc::bad_alignment) == std::errc::invalid_argument);
    CHECK(std::error_code(errc::too_large) == std::errc::not_enough_memory);
    CHECK(std::error_code(errc::no_such_process) == std::errc::no_such_process);
    CHECK(std::error_code(errc::unsupported) == std::errc::function_not_supported);
    CHECK(std::error_code(errc::abi_mismatch) == std::errc::function_not_supported);
    CHECK(std::error_code(errc::not_zeroed) != std::errc::invalid_argument);
    CHECK(std::error_code(errc::kernel_thread) == errc::kernel_thread);
}

TEST_CASE("every errc has a message of its own, and its number for ever") {
    CHECK(std::string(tamalloc::category().name()) == "tamalloc");
    const std::string unknown = tamalloc::category().message(0);
    for (int value = 1; value <= 9; ++value) {
        CAPTURE(value);
        CHECK(tamalloc::category().message(value) != unknown);
        for (int other = 1; other < value; ++other)
            CHECK(tamalloc::category().message(value) != tamalloc::category().message(other));
    }
    CHECK(static_cast<int>(errc::zero_size) == 1);
    CHECK(static_cast<int>(errc::unsupported) == 9);
    CHECK(tamalloc::category().message(99) == unknown);
}

TEST_CASE("AllocationFailure tells why and how much") {
    try {
        tamalloc::detail::throw_allocation_failure({ENOMEM, std::system_category()}, 4096);
    } catch (const std::bad_alloc& caught) {
        const auto* const failure = dynamic_cast<const tamalloc::AllocationFailure*>(&caught);
        REQUIRE(failure != nullptr);
        CHECK(failure->code() == std::errc::not_enough_memory);
        CHECK(failure->bytes() == 4096);
        CHECK(std::strstr(failure->what(), "tamalloc") != nullptr);
    }
}
