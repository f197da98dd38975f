// SPDX-License-Identifier: MIT
#include "accepted.hpp"

#include <algorithm>     // std::ranges::any_of, std::ranges::find
#include <array>         // std::array
#include <span>          // std::span
#include <string_view>   // std::string_view

#include <fmt/format.h>

namespace tamstat {
namespace {

using Names = std::span<const std::string_view>;

// What people set in an alias, and what nobody misses where nothing is coloured or said.
constexpr std::array<std::string_view, 2> everywhere{"--color", "--quiet"};

constexpr std::array<std::string_view, 6> output{"--format", "--json",  "--json-lines",
                                                 "--plain",  "--units", "--no-header"};
constexpr std::array<std::string_view, 5> one_report{"--format", "--json", "--json-lines", "--plain", "--units"};
constexpr std::array<std::string_view, 5> no_sizes{"--format", "--json", "--json-lines", "--plain", "--no-header"};
constexpr std::array<std::string_view, 2> document{"--json", "--cmdline"};
constexpr std::array<std::string_view, 2> listing{"--columns", "--cmdline"};
constexpr std::array<std::string_view, 1> cmdline{"--cmdline"};
constexpr std::array<std::string_view, 3> order{"--sort", "--limit", "--filter"};
constexpr std::array<std::string_view, 3> whose{"--user", "--cgroup", "--comm"};
constexpr std::array<std::string_view, 2> figures{"--source", "--procfs"};
constexpr std::array<std::string_view, 2> depth{"--detail", "--budget"};
constexpr std::array<std::string_view, 1> budget{"--budget"};

struct Accepted {
    std::string_view command;
    std::array<Names, 6> names;
};
constexpr std::array<Accepted, 14> accepted{{{"ps", {output, listing, order, whose, figures, depth}},
                                             {"top", {output, listing, order, whose, figures, depth}},
                                             {"oom", {output, listing, order, whose, figures, depth}},
                                             {"show", {output, cmdline, figures, budget}},
                                             {"maps", {output, cmdline, order, figures}},
                                             {"snapshot", {document, order, whose, figures, depth}},
                                             {"export", {order, whose, figures, depth}},
                                             {"diff", {output, order}},
                                             {"sys", {output, figures}},
                                             {"demo", {output}},
                                             {"run", {one_report}},
                                             {"doctor", {no_sizes}},
                                             {"help", {}},
                                             {"completion", {}}}};

bool holds(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

bool takes(std::string_view command, std::string_view name) {
    const auto& names = std::ranges::find(accepted, command, &Accepted::command)->names;
    return holds(everywhere, name) || std::ranges::any_of(names, [name](Names some) { return holds(some, name); });
}

}   // namespace

std::string refusal(const CLI::App& app, const Options& options) {
    for (const auto* const option : app.get_options())
        if (option->count() != 0 && !takes(options.command, option->get_name()))
            return fmt::format("{} takes no {}", options.command, option->get_name(false, true));
    if (options.command == "run" && options.format == Format::csv) return "run takes no --format csv";
    return {};
}

}   // namespace tamstat
