// SPDX-License-Identifier: MIT
// tamstat show: everything about one process, and a picture of its address space.
#include <cstdint>       // std::uint64_t
#include <cstdio>        // std::fputs
#include <functional>    // std::function
#include <memory>        // std::make_shared
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move
#include <vector>        // std::vector

#include <fcntl.h>    // O_DIRECTORY, O_PATH
#include <unistd.h>   // geteuid

#include <fmt/format.h>
#include <range/v3/range/conversion.hpp>

#include "atomic_file.hpp"              // replace_file
#include "bars.hpp"                     // picture, picture_svg
#include "collect.hpp"                  // collect, totals_of, verdict
#include "columns.hpp"                  // all_columns, cell
#include "commands.hpp"                 // run_show
#include "exit_code.hpp"                // Failure
#include "json.hpp"                     // document, print_json, to_json
#include "machine.hpp"                  // max_map_count, soon_too_many
#include "rows.hpp"                     // layout_for
#include "tamalloc/detail/procfs.hpp"   // Procfs
#include "tamalloc/detail/smaps.hpp"    // directory_with_memory, for_each_populated_of
#include "tamalloc/mappings.hpp"        // MappingView
#include "tamalloc/range_v3.hpp"        // views as temporaries
#include "text.hpp"                     // escaped, unicode

namespace tamstat {
namespace {

constexpr auto everything = Need::oom | Need::extra | Need::cgroup | Need::maps;

/// What there is to draw: another walk over the pages.
struct AddressSpace {
    std::vector<tamalloc::Mapping> mappings;
    PageRuns runs;
};

AddressSpace address_space_of(const Options& options) {
    namespace detail = tamalloc::detail;
    const auto procfs = detail::Procfs::open(options.procfs.c_str());
    if (!procfs) return {};
    const auto directory = procfs->directory_of(options.pids.front());
    if (!directory) return {};
    const auto memory = std::make_shared<detail::Descriptor>(detail::directory_with_memory(*directory));
    const tamalloc::MappingView view(detail::Descriptor(memory->get(), ".", O_PATH | O_DIRECTORY));
    const auto runs = [memory](const tamalloc::Mapping& m, const std::function<void(const PageRun&)>& f) {
        return !detail::for_each_populated_of(*memory, m.first, m.last, [&f](const detail::PageExtent& extent) {
            f({extent.start, extent.end, extent.swapped()});
        });
    };
    return {view | ranges::to<std::vector>(), runs};
}

/// Lines of: what, how much, and a remark.
class Sheet {
public:
    Sheet(const ProcessRow& row, const Options& options)
        : row_(row), options_(options), table_({{"", Align::left}, {"", Align::right}, {"", Align::left}}) {}

    void line(std::string_view label, std::string_view key, std::string remark = {}) {
        const auto& column = *find_column(key);
        const auto value = column.value(row_);
        const auto* const why = std::get_if<Unread>(&value);
        if (remark.empty() && why != nullptr && why->error != 0) remark = error_name(why->error);
        table_.add({std::string(label), cell(column.type, value, options_.units), std::move(remark)});
    }

    [[nodiscard]] std::string text(const std::string& key) const {
        const auto& column = *find_column(key);
        return cell(column.type, column.value(row_), options_.units);
    }
    [[nodiscard]] const Table& table() const { return table_; }

private:
    const ProcessRow& row_;
    const Options& options_;
    Table table_;
};

std::vector<const Column*> every_column() {
    std::vector<const Column*> columns;
    for (const auto& column : all_columns())
        if (!has(column.need, Need::cmdline | Need::growth)) columns.push_back(&column);
    return columns;
}

std::string limit_text(const ProcessRow::Bytes& limit, const Options& options) {
    if (limit) return format_bytes(*limit, options.units);
    return limit.why().error == 0 ? "none" : "-";
}

std::string mappings_remark(const ProcessRow& row, const Options& options) {
    const auto most = max_map_count(options.procfs);
    if (!most) return {};
    auto text = fmt::format("of {} (vm.max_map_count)", *most);
    if (row.mappings && soon_too_many(*row.mappings, *most)) text += ", SOON TOO MANY: then mmap says out of memory";
    return text;
}

std::string oom_remark(const ProcessRow& row, const Sheet& sheet) {
    const auto adjusted = fmt::format("adjusted by {}", sheet.text("adj"));
    if (row.oom_score && !row.oom_share()) return adjusted + ", is never killed";
    return fmt::format("{}, stands for {} thousandths of RAM and swap", adjusted, sheet.text("oomshare"));
}

Sheet sheet_of(const ProcessRow& row, const Options& options) {
    Sheet sheet(row, options);
    sheet.line("reserved", "reserved", fmt::format("at most {}", sheet.text("peak_reserved")));
    sheet.line("  PROT_NONE", "none", "may not be touched");
    sheet.line("  no reserve", "noreserve", "not counted against CommitLimit");
    sheet.line("  charged", "charged", "counted against CommitLimit");
    sheet.line("  file", "file");
    sheet.line("  other", "other");
    sheet.line("committed", "committed",
               fmt::format("{} of reserved, at most {}", sheet.text("fill"), sheet.text("peak")));
    sheet.line("  anonymous", "anon");
    sheet.line("  of files", "filepages");
    sheet.line("  shared memory", "shmem");
    sheet.line("  PSS", "pss", "shared pages in parts");
    sheet.line("  USS", "uss", "shared with nobody");
    sheet.line("  huge pages", "thp");
    sheet.line("untouched", "untouched", "nothing is behind it");
    sheet.line("zero pages", "zero", "read, never written: page tables, no memory");
    sheet.line("swap", "swap");
    sheet.line("page tables", "pte");
    sheet.line("mappings", "vmas", mappings_remark(row, options));
    sheet.line("page faults", "minflt", fmt::format("and {} that read a disk", sheet.text("majflt")));
    sheet.line("OOM score", "oom", oom_remark(row, sheet));
    sheet.line("limit", "limit",
               fmt::format("memory.max {}, RLIMIT_AS {}", limit_text(row.memory_limit, options),
                           limit_text(row.address_limit, options)));
    return sheet;
}

std::string title_of(const ProcessRow& row, const Sheet& sheet) {
    return fmt::format("{} {}, user {}, parent {}, cgroup {}", row.pid, sheet.text("comm"), sheet.text("user"),
                       sheet.text("ppid"), sheet.text("cgroup"));
}

std::string picture_of(const AddressSpace& space, const Options& options) {
    const auto layout = layout_for(options);
    return picture(space.mappings, {.width = layout.width.value_or(80),
                                    .unicode = layout.alphabet == Alphabet::locale && unicode(),
                                    .color = layout.color,
                                    .units = options.units,
                                    .runs = space.runs});
}

// As below the table of ps.
std::string footer(const ProcessRow& row) {
    if (row.cut()) return "cut off by the budget: --budget 0 lifts it\n";
    if (!is_denial(Unread{row.first_error()})) return {};
    return fmt::format("some of it may not be read{}\n", ::geteuid() == 0 ? "" : ": run as root for the rest");
}

void print_sheet(const ProcessRow& row, const AddressSpace& space, const Options& options) {
    const auto sheet = sheet_of(row, options);
    auto layout = layout_for(options);
    layout.header = false;
    auto text = escaped(title_of(row, sheet), layout.alphabet) + '\n' + sheet.table().text(layout);
    if (!space.mappings.empty()) text += '\n' + picture_of(space, options);
    if (!options.quiet) text += footer(row);
    std::fputs(text.c_str(), stdout);
}

void draw(const ProcessRow& row, const AddressSpace& space, const Options& options) {
    const auto title = fmt::format("{} {}", row.pid, row.comm.value_or("-"));
    if (const auto error = replace_file(options.svg, picture_svg(space.mappings, title, options.units, space.runs)))
        throw Failure(exit_io, fmt::format("{}: {}", options.svg, error.message()));
}

}   // namespace

int run_show(const Options& options) {
    const auto collection = collect(options, everything);
    if (collection.rows.empty()) return verdict(collection);
    const auto& row = collection.rows.front();
    if (options.format == Format::json || options.format == Format::json_lines) {
        print_json(document("show", collection, totals_of(collection.rows), options), to_json(collection.rows),
                   options);
    } else if (options.format == Format::csv) {
        print(table_of(collection.rows, every_column(), options), options);
    } else {
        print_sheet(row, row.cut() ? AddressSpace() : address_space_of(options), options);
    }
    if (!options.svg.empty()) draw(row, address_space_of(options), options);
    return verdict(collection);
}

}   // namespace tamstat
