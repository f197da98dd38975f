// SPDX-License-Identifier: MIT
// tamstat top: processes, again and again: on a full screen, or in blocks where there is none.
#include <chrono>    // std::chrono::duration
#include <cstddef>   // std::size_t
#include <string>    // std::string
#include <utility>   // std::move

#include <unistd.h>   // STDOUT_FILENO

#include "commands.hpp"    // run_top
#include "exit_code.hpp"   // exit_ok
#include "json.hpp"        // document, print_json, to_json
#include "output.hpp"      // print_now
#include "rows.hpp"        // layout_for, print, summary, table_of
#include "screen.hpp"      // Screen
#include "terminal.hpp"    // use_color
#include "ticker.hpp"      // Ticker
#include "top_view.hpp"    // TopView

namespace tamstat {
namespace {

// Takes samples for a view, and knows how far apart they are.
class Sampler {
public:
    explicit Sampler(TopView& view) : view_(view) { sample(); }

    void sample() {
        const auto now = Ticker::Clock::now();
        view_.take(collect(view_.options(), view_.need()), std::chrono::duration<double>(now - before_).count());
        before_ = now;
    }

    /// \returns whether there is nothing left to watch: the processes that were asked for have ended
    [[nodiscard]] bool all_gone() const {
        const auto& pids = view_.options().pids;
        return !pids.empty() && view_.collection().missing.size() >= pids.size();
    }

private:
    TopView& view_;
    Ticker::Clock::time_point before_;
};

void print_block(const TopView& view, std::size_t n) {
    const auto& options = view.options();
    const auto shown = view.rows();
    const auto totals = totals_of(view.collection().rows);
    if (options.format == Format::json || options.format == Format::json_lines) {
        print_json(document("top", view.collection(), totals, options), to_json(shown), options);
    } else {
        const auto table = table_of(shown, view.columns(), options);
        const bool csv = options.format == Format::csv;
        if (n > 0 && !csv) print_now("\n");
        print_now(csv ? table.csv(options.header && n == 0) : table.text(layout_for(options)));
        if (!csv && !options.quiet) print_now(summary(view.collection(), totals, options, shown.size()));
    }
    print_now("");
}

void print_blocks(const TopView& view, Sampler& sampler) {
    Ticker ticker(view.options().interval);
    const auto& count = view.options().count;
    for (std::size_t n = 0; !sampler.all_gone(); ++n) {
        print_block(view, n);
        if (count && n + 1 == *count) return;
        ticker.wait();
        sampler.sample();
    }
}

// \returns whether to go on
bool react(TopView& view, Sampler& sampler, int key) {
    switch (view.handle(key)) {
    case TopView::Wish::quit: return false;
    case TopView::Wish::sample: sampler.sample(); return true;
    default: return true;
    }
}

void show(TopView& view, Sampler& sampler, Screen& screen) {
    Ticker ticker(view.options().interval);
    const auto& count = view.options().count;
    for (std::size_t n = 1; !sampler.all_gone();) {
        screen.show(view.lines(screen.width(), screen.height()));
        const auto event = screen.wait(ticker.next());
        if (event.what == Event::What::key && !react(view, sampler, event.key)) return;
        if (event.what != Event::What::time) continue;
        if (count && n++ == *count) return;
        ticker.advance();
        if (!view.paused()) sampler.sample();
    }
}

}   // namespace

int run_top(const Options& options) {
    TopView view(options);
    Sampler sampler(view);
    const auto status = verdict(view.collection());   // who ends later is no mistake
    if (sampler.all_gone()) return status;
    const auto screen =
        options.format == Format::table ? Screen::open(use_color(options.color, STDOUT_FILENO)) : nullptr;
    if (screen) show(view, sampler, *screen);
    else print_blocks(view, sampler);
    return status;
}

}   // namespace tamstat
