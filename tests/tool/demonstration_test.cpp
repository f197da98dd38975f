// SPDX-License-Identifier: MIT
// Hazard: the verification says that everything is zero whatever it reads. So it is given memory that is not: as it is handed out, and
// after it was given back.
#include "demonstration.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "exit_code.hpp"
#include "options.hpp"
#include "tamalloc/error.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/testing.hpp"

namespace {

using namespace tamstat;

constexpr std::size_t mib = 1 << 20;

// Says that it has given memory back, and has not.
struct KeepingSource : tamalloc::MmapSource<> {
    [[nodiscard]] static tamalloc::result<void> purge(std::byte* /*p*/, std::size_t /*n*/) noexcept { return {}; }
};

template<class Source> Demonstration demonstrated(const Options& options) {
    Demonstration demonstration(options);
    demonstration.run<Source>();
    return demonstration;
}

Options options_for(const char* mode) {
    Options options;
    options.size = 4 * mib;
    options.mode = mode;
    return options;
}

}   // namespace

TEST_CASE("demo: memory that is not zero is counted, and is a failure") {
    for (const auto* const mode : {"read", "write", "mixed"}) {
        CAPTURE(mode);
        const auto options = options_for(mode);
        const auto dirty = demonstrated<tamalloc::testing::DirtySource>(options);
        CHECK(dirty.code() == exit_failed);
        CHECK(dirty.json().at("demo").at("not_zero") >= 4 * mib);
        CHECK(dirty.conclusion().starts_with("FAILED: "));
        const auto good = demonstrated<tamalloc::MmapSource<>>(options);
        CHECK(good.code() == exit_ok);
        CHECK(good.json().at("demo").at("not_zero") == 0);
        CHECK(good.conclusion().starts_with("verified: "));
    }
}

TEST_CASE("demo: memory that is not given back is counted, and is a failure") {
    const auto options = options_for("mixed");
    const auto kept = demonstrated<KeepingSource>(options);
    CHECK(kept.code() == exit_failed);
    CHECK(kept.json().at("demo").at("not_zero") == mib / 2);   // the eighth that was written before
}
