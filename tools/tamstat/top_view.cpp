// SPDX-License-Identifier: MIT
#include "top_view.hpp"

#include <algorithm>   // std::clamp, std::max, std::min, std::ranges::find
#include <array>       // std::array
#include <utility>     // std::move

#include <fmt/format.h>   // fmt::format

#include "exit_code.hpp"   // Failure
#include "rows.hpp"        // near_map_limit, table_of, table_of_mappings
#include "screen.hpp"      // Screen::Key
#include "units.hpp"       // format_bytes

namespace tamstat {
namespace {

using Keys = std::span<const std::string_view>;

struct Preset {
    std::string_view name;
    Keys columns;
    std::string_view sort;   // the largest first
    Detail detail;
};

constexpr std::array<std::string_view, 9> memory{"pid",       "comm", "reserved", "committed", "fill",
                                                 "untouched", "swap", "pte",      "growth"};
constexpr std::array<std::string_view, 8> kinds{"pid",       "comm",    "reserved", "none",
                                                "noreserve", "charged", "file",     "vmas"};
constexpr std::array<std::string_view, 8> sharing{"pid", "comm", "committed", "pss", "uss", "thp", "swap", "growth"};
constexpr std::array<std::string_view, 8> victims{"pid", "comm", "committed", "swap",
                                                  "oom", "adj",  "oomshare",  "limit"};
constexpr std::array<std::string_view, 7> faults{"pid", "comm", "committed", "growth", "minflt", "majflt", "user"};

constexpr std::array<Preset, 5> presets{{{"memory", memory, "untouched", Detail::basic},
                                         {"kinds", kinds, "noreserve", Detail::maps},
                                         {"sharing", sharing, "pss", Detail::rollup},
                                         {"oom", victims, "oomshare", Detail::basic},
                                         {"faults", faults, "growth", Detail::basic}}};
constexpr std::size_t oom_preset = 3;

// What is dearer at each step: d.
constexpr std::array<std::size_t, 5> next_detail{2, 0, 1, 2, 2};

struct Help {
    const char *key, *meaning;
};
constexpr std::array<Help, 11> help{{{"q", "quit"},
                                     {"space", "pause"},
                                     {"1 ... 5", "memory, kinds of reserve, sharing, OOM victims, page faults"},
                                     {"d", "more detail, which costs more: sharing, kinds, and memory again"},
                                     {"o", "OOM victims, in the kernel's order"},
                                     {"s, S", "sort by the next column, by the one before"},
                                     {"r", "the other way round"},
                                     {"f", "filter, such as: reserved>1GiB and fill<5%"},
                                     {"up, down", "choose a process; also page up, page down, home, end"},
                                     {"enter", "its mappings"},
                                     {"?", "this; what columns mean: tamstat help columns"}}};

Table help_table() {
    Table table({{"KEY", Align::left}, {"WHAT IT DOES", Align::left}});
    for (const auto& [key, meaning] : help) table.add({key, meaning});
    return table;
}

std::size_t preset_for(Detail detail) {
    return static_cast<std::size_t>(std::ranges::find(presets, detail, &Preset::detail) - presets.begin());
}

constexpr std::ptrdiff_t far = 1 << 30;   // beyond the end of any list

std::ptrdiff_t signed_size(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

}   // namespace

TopView::TopView(Options options) : options_(std::move(options)) { preset_ = preset_for(options_.detail); }

std::vector<const Column*> TopView::columns() const {
    return choose_columns(options_.columns, presets.at(preset_).columns);
}

Need TopView::need() const {
    const auto all = static_cast<unsigned>(needs(options_, columns()));
    return static_cast<Need>(all & ~static_cast<unsigned>(Need::growth));
}

void TopView::take(Collection collection, double seconds) {
    if (!now_.rows.empty()) add_growth(collection.rows, now_.rows, seconds);
    now_ = std::move(collection);
}

std::vector<ProcessRow> TopView::rows() const {
    auto rows = now_.rows;
    const std::array usual{SortKey{std::string(presets.at(preset_).sort), true}};
    arrange(rows, options_, usual);
    return rows;
}

std::string TopView::sorted_by() const {
    return options_.sort.empty() ? std::string(presets.at(preset_).sort) : options_.sort.front().column;
}

std::string TopView::title(std::size_t shown) const {
    const auto totals = totals_of(now_.rows);
    auto text = fmt::format("{} by {}: {} of {} processes, reserved {}, committed {}", presets.at(preset_).name,
                            sorted_by(), shown, totals.processes, format_bytes(totals.reserved, options_.units),
                            format_bytes(totals.committed, options_.units));
    if (totals.unreadable > 0) text += fmt::format(", {} not readable in full", totals.unreadable);
    if (const auto count = near_map_limit(now_.rows, options_); count > 0)
        text += fmt::format(", {} with soon too many mappings", count);
    if (now_.exited > 0) text += fmt::format(", exited {}", now_.exited);
    return paused_ ? "PAUSED  " + text : text;
}

std::string TopView::keys() const {
    if (typing_) return "filter: " + typed_ + "_";
    if (!message_.empty()) return message_;
    if (!in_list_) return "q, escape: back";
    if (!options_.filter.empty()) return "filter: " + options_.filter;
    return "? help  q quit  1-5 columns  s sort  r reverse  f filter  enter mappings";
}

std::vector<Line> TopView::lines(std::size_t width, std::size_t height) {
    std::vector<Line> lines;
    const auto room = height > 2 ? height - 2 : 1;
    if (in_list_) add_list(lines, width, room);
    else add_page(lines, width, room);
    lines.resize(room + 1);
    lines.push_back({{keys(), message_.empty() ? Style::none : Style::warning}});
    return lines;
}

void TopView::add_list(std::vector<Line>& lines, std::size_t width, std::size_t room) {
    const auto shown = rows();
    lines.push_back({{title(shown.size())}});
    room_ = room > 1 ? room - 1 : 1;   // one is for the headers
    selected_ = std::min(selected_, shown.empty() ? 0 : shown.size() - 1);
    first_ = std::clamp(first_, selected_ >= room_ ? selected_ - room_ + 1 : 0, selected_);
    const auto visible = std::span(shown).subspan(first_, std::min(room_, shown.size() - first_));
    auto table = table_of(visible, columns(), options_).lines({.width = width});
    const auto* const column = find_column(sorted_by());   // whose header stands out
    for (std::size_t i = 0; i < table.size(); ++i) {
        const bool marked = i == 0 || first_ + i == selected_ + 1;   // the headers, and the one that is chosen
        if (marked)
            for (auto& piece : table[i]) piece.reversed = i != 0 || column == nullptr || piece.text != column->header;
        lines.push_back(std::move(table[i]));
    }
}

void TopView::add_page(std::vector<Line>& lines, std::size_t width, std::size_t room) {
    auto table = page_.lines({.width = width});
    room_ = room > 1 ? room - 1 : 1;   // one is for the headers, which stay
    const auto rows = table.size() - 1;
    first_ = std::min(first_, rows > room_ ? rows - room_ : 0);
    for (auto& piece : table.front()) piece.reversed = true;
    lines.push_back({{page_title_}});
    lines.push_back(std::move(table.front()));
    for (std::size_t i = first_; i < std::min(rows, first_ + room_); ++i) lines.push_back(std::move(table[i + 1]));
}

TopView::Wish TopView::handle(int key) {
    if (typing_) return handle_prompt(key);
    message_.clear();
    switch (key) {
    case Screen::up: move(-1); return Wish::draw;
    case Screen::down: move(1); return Wish::draw;
    case Screen::page_up: move(-signed_size(room_)); return Wish::draw;
    case Screen::page_down: move(signed_size(room_)); return Wish::draw;
    case Screen::home: move(-far); return Wish::draw;
    case Screen::end: move(far); return Wish::draw;
    default: break;
    }
    if (in_list_) return handle_list(key);
    if (key == 'q' || key == Screen::escape || key == Screen::enter) {
        in_list_ = true;
        first_ = 0;
    }
    return Wish::draw;
}

TopView::Wish TopView::handle_list(int key) {
    switch (key) {
    case 'q': return Wish::quit;
    case ' ': paused_ = !paused_; return Wish::draw;
    case 's': sort_by_next(1); return Wish::draw;
    case 'S': sort_by_next(-1); return Wish::draw;
    case 'r': reverse(); return Wish::draw;
    case 'f':
        typing_ = true;
        typed_ = options_.filter;
        return Wish::draw;
    case 'd': choose_preset(next_detail.at(preset_)); return Wish::sample;
    case 'o': choose_preset(oom_preset); return Wish::sample;
    case '1':
    case '2':
    case '3':
    case '4':
    case '5': choose_preset(static_cast<std::size_t>(key - '1')); return Wish::sample;
    case Screen::enter: show_mappings(); return Wish::draw;
    case '?': show_page("tamstat top", help_table()); return Wish::draw;
    default: return Wish::draw;
    }
}

TopView::Wish TopView::handle_prompt(int key) {
    if (key == Screen::enter) {
        apply_filter();
        return Wish::sample;   // its columns may need more to be read
    }
    if (key == Screen::escape) {
        typing_ = false;
        message_.clear();
    } else if (key == Screen::backspace) {
        if (!typed_.empty()) typed_.pop_back();
    } else if (key >= ' ' && key < 0x100) {
        typed_ += static_cast<char>(key);
    }
    return Wish::draw;
}

// What is wrong with it is told, and the old one stays.
void TopView::apply_filter() {
    auto other = options_;
    other.filter = typed_;
    try {
        (void)needs(other, columns());
    } catch (const Failure& failure) {
        const std::string_view text = failure.what();
        message_ = text.substr(0, text.find('\n'));
        typing_ = false;
        return;
    }
    options_.filter = std::move(other.filter);
    typing_ = false;
    selected_ = first_ = 0;
}

void TopView::move(std::ptrdiff_t by) {
    auto& place = in_list_ ? selected_ : first_;
    place = static_cast<std::size_t>(std::max<std::ptrdiff_t>(signed_size(place) + by, 0));
}

void TopView::sort_by_next(std::ptrdiff_t by) {
    const auto all = columns();
    const auto key = sorted_by();
    const auto now = std::ranges::find(all, std::string_view(key), &Column::key);
    const auto count = signed_size(all.size());
    const auto place = now == all.end() ? 0 : (now - all.begin() + by + count) % count;
    const auto& column = *all.at(static_cast<std::size_t>(place));
    options_.sort = {{std::string(column.key), column.type != ColumnType::text}};
}

void TopView::reverse() {
    if (options_.sort.empty()) options_.sort = {{std::string(presets.at(preset_).sort), true}};
    for (auto& key : options_.sort) key.descending = !key.descending;
}

void TopView::choose_preset(std::size_t preset) {
    preset_ = preset;
    options_.detail = presets.at(preset).detail;
    options_.sort.clear();
}

void TopView::show_page(std::string title, Table page) {
    in_list_ = false;
    page_title_ = std::move(title);
    page_ = std::move(page);
    first_ = 0;
}

void TopView::show_mappings() {
    const auto shown = rows();
    if (selected_ >= shown.size()) return;
    auto of_one = options_;
    of_one.pids = {shown[selected_].pid};
    of_one.sort.clear();
    of_one.limit.reset();
    of_one.filter.clear();
    try {
        show_page(fmt::format("mappings of {}", of_one.pids.front()), table_of_mappings(of_one));
    } catch (const Failure& failure) {
        message_ = failure.what();
    }
}

}   // namespace tamstat
