// SPDX-License-Identifier: MIT
// Hazard: a file of /proc says something that nobody has thought of: a sandbox's own text, a name or a path that somebody
// chose, a text that is cut off. Then a reader crashes, or a control character of a stranger reaches the terminal, or JSON is
// none.
#include "collect.hpp"

#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint8_t
#include <cstdlib>       // std::abort
#include <filesystem>    // std::filesystem
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "columns.hpp"             // all_columns
#include "exit_code.hpp"           // Failure
#include "fake_proc.hpp"           // FakeProc
#include "json.hpp"                // Json, dump, to_json
#include "rows.hpp"                // summary, table_of
#include "tamalloc/mappings.hpp"   // mappings

namespace {

using namespace tamstat;

constexpr std::array<const char*, 11> files{
    "1/status", "1/stat",    "1/oom_score", "1/oom_score_adj",     "1/smaps", "1/smaps_rollup", "1/cgroup",
    "1/limits", "1/cmdline", "meminfo",     "sys/kernel/osrelease"};

void require(bool condition) {
    if (!condition) std::abort();
}

bool is_harmless(std::string_view text) {
    for (const char c : text)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) return false;
    return true;
}

void check(const Options& options) {
    const auto collection = collect(options, Need::oom | Need::extra | Need::cgroup | Need::cmdline);
    const auto totals = totals_of(collection.rows);
    std::vector<const Column*> columns;
    for (const auto& column : all_columns()) columns.push_back(&column);
    require(is_harmless(table_of(collection.rows, columns, options).text({})));
    require(is_harmless(summary(collection, totals, options, 1)));
    auto json = document("ps", collection, totals, options);
    json["processes"] = to_json(collection.rows);
    require(Json::accept(dump(json)));
    for (const auto& row : collection.rows) {
        require(row.untouched().value_or(0) <= row.reserved.value_or(0));
        require(row.fill().value_or(0) >= 0);
    }
}

void check_mappings(const std::string& procfs) {
    const auto view = tamalloc::mappings(1, procfs.c_str());
    if (!view) return;
    for (const auto& mapping : *view) {
        require(mapping.first < mapping.last);
        require(Json::accept(dump(to_json(mapping))));
    }
}

/// A sound tree, of which one file at a time says something else.
class Tree {
public:
    Tree() {
        std::filesystem::create_directories(proc_.root / "sys/kernel");
        (void)proc_.add(1);
        for (std::size_t i = 0; i != files.size(); ++i) sound_.at(i) = proc_.read(files.at(i));
    }
    [[nodiscard]] std::string root() const { return proc_.root.string(); }
    void change(std::size_t file, std::string_view text) const { proc_.write(files.at(file), text); }
    void mend(std::size_t file) const {
        if (sound_.at(file).empty()) std::filesystem::remove(proc_.root / files.at(file));
        else proc_.write(files.at(file), sound_.at(file));
    }

private:
    support::FakeProc proc_;
    std::array<std::string, files.size()> sound_;   // empty: there is none
};

}   // namespace

// The first byte chooses the file, the others are what it holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const Tree tree;
    const auto file = data[0] % files.size();
    Options options;
    options.procfs = tree.root();
    options.source = Source::procfs;
    options.detail = data[0] < 128 ? Detail::maps : Detail::rollup;
    tree.change(file, {reinterpret_cast<const char*>(data + 1), size - 1});
    try {
        check(options);
        check_mappings(options.procfs);
    } catch (const Failure&) {   // a message and an exit status
    }
    tree.mend(file);
    return 0;
}
