// SPDX-License-Identifier: MIT
// Hazard: the list shrinks below the chosen row, the terminal to two lines, or a filter lets nothing through, and the program reads
// beyond the end of what there is.
#include "top_view.hpp"

#include <cstdint>   // std::uint64_t
#include <string>    // std::string
#include <vector>    // std::vector

#include <unistd.h>   // getpid

#include <doctest/doctest.h>

#include "screen.hpp"   // Screen::Key
#include "table.hpp"    // styled

using tamstat::Collection;
using tamstat::Options;
using tamstat::ProcessRow;
using tamstat::Screen;
using tamstat::TopView;

namespace {

Collection processes(int count, std::uint64_t committed = 1 << 20) {
    Collection collection;
    for (int i = 1; i <= count; ++i) {
        ProcessRow row;
        row.pid = i;
        row.comm = "process-" + std::to_string(i);
        row.start_ns = 1;
        row.reserved = std::uint64_t{1} << 30;
        row.committed = committed;
        collection.rows.push_back(row);
    }
    return collection;
}

std::string text_of(TopView& view, std::size_t width, std::size_t height) {
    const auto lines = view.lines(width, height);
    std::string text;
    for (const auto& line : lines) text += styled(line, false) + '\n';
    return text;
}

void type(TopView& view, const std::string& text) {
    for (const char c : text) view.handle(c);
}

int chosen(TopView& view) {   // the pid of the line that is shown reversed
    const auto lines = view.lines(120, 24);
    for (std::size_t i = 2; i < lines.size(); ++i) {
        const auto text = styled(lines[i], false);
        if (!lines[i].empty() && lines[i].front().reversed) return std::stoi(text);
    }
    return 0;
}

}   // namespace

TEST_CASE("top: a screen has as many lines as there are, whatever is to be shown") {
    TopView view{Options()};
    for (const int count : {0, 1, 5, 500}) {
        view.take(processes(count), 1);
        for (const std::size_t height : {3U, 4U, 10U, 24U, 60U})
            for (const std::size_t width : {1U, 8U, 40U, 200U}) {
                CAPTURE(height);
                CHECK(view.lines(width, height).size() == height);
            }
    }
}

TEST_CASE("top: a process with soon too many mappings is told of") {
    TopView view{Options()};
    auto some = processes(3);
    view.take(some, 1);
    CHECK(text_of(view, 200, 10).find("too many mappings") == std::string::npos);
    some.rows[1].mappings = std::uint64_t{1} << 40;
    view.take(some, 1);
    CHECK(text_of(view, 200, 10).find(", 1 with soon too many mappings") != std::string::npos);
}

TEST_CASE("top: the chosen row stays in sight, and in the list") {
    TopView view{Options()};
    view.take(processes(100), 1);
    CHECK(chosen(view) == 1);
    view.handle(Screen::down);
    view.handle(Screen::down);
    CHECK(chosen(view) == 3);
    view.handle(Screen::up);
    CHECK(chosen(view) == 2);
    view.handle(Screen::page_down);
    CHECK(chosen(view) == 23);
    view.handle(Screen::end);
    CHECK(chosen(view) == 100);
    view.take(processes(7), 1);   // the others have ended
    CHECK(chosen(view) == 7);
    view.handle(Screen::home);
    CHECK(chosen(view) == 1);
    view.handle(Screen::up);
    CHECK(chosen(view) == 1);
    view.take(processes(0), 1);
    CHECK(chosen(view) == 0);
    view.handle(Screen::enter);   // mappings of nobody
    CHECK(view.handle('q') == TopView::Wish::quit);
}

TEST_CASE("top: growth is per second, and known from the second sample on") {
    TopView view{Options()};
    view.take(processes(1), 1);
    CHECK_FALSE(view.collection().rows.front().growth);
    view.take(processes(1, 3 << 20), 2);
    REQUIRE(view.collection().rows.front().growth);
    CHECK(*view.collection().rows.front().growth == 1 << 20);
}

TEST_CASE("top: a filter that is wrong is told, and the old one stays") {
    TopView view{Options()};
    view.take(processes(20), 1);
    view.handle('f');
    type(view, "pid < 3");
    CHECK(text_of(view, 80, 24).find("filter: pid < 3_") != std::string::npos);
    view.handle(Screen::enter);
    CHECK(view.rows().size() == 2);
    view.handle('f');
    type(view, " and");
    view.handle(Screen::enter);
    CHECK(view.rows().size() == 2);
    CHECK(text_of(view, 80, 24).find("expected a column") != std::string::npos);
    view.handle('f');
    for (int i = 0; i < 10; ++i) view.handle(Screen::backspace);
    view.handle(Screen::enter);
    CHECK(view.rows().size() == 20);
    view.handle('f');
    type(view, "q");   // a letter here, no command
    view.handle(Screen::escape);
    CHECK(view.rows().size() == 20);
}

TEST_CASE("top: keys change columns and order") {
    TopView view{Options()};
    view.take(processes(3), 1);
    CHECK(view.handle('2') == TopView::Wish::sample);   // needs other files
    CHECK(view.options().detail == tamstat::Detail::maps);
    CHECK(text_of(view, 200, 24).find("NORESERVE") != std::string::npos);
    view.handle('1');
    CHECK(view.options().detail == tamstat::Detail::basic);
    CHECK(view.rows().front().pid == 1);
    for (std::size_t i = 0; view.options().sort.empty() || view.options().sort.front().column != "pid"; ++i) {
        REQUIRE(i < view.columns().size());
        view.handle('s');
    }
    CHECK(view.rows().front().pid == 3);   // figures: the largest first
    view.handle('r');
    CHECK(view.rows().front().pid == 1);
    view.handle(' ');
    CHECK(view.paused());
    CHECK(text_of(view, 80, 24).starts_with("PAUSED"));
}

TEST_CASE("top: it shows by what it is sorted") {
    TopView view{Options()};
    view.take(processes(3), 1);
    CHECK(text_of(view, 200, 24).starts_with("memory by untouched: 3 of 3"));
    const auto plain_headers = [&view] {
        std::string text;
        const auto lines = view.lines(200, 24);
        for (const auto& piece : lines[1])
            if (!piece.reversed) text += piece.text;
        return text;
    };
    CHECK(plain_headers() == "UNTOUCHED");
    view.handle('s');
    CHECK(plain_headers() == "SWAP");
    CHECK(text_of(view, 200, 24).starts_with("memory by swap: 3 of 3"));
}

TEST_CASE("top: a limit of processes is none of mappings") {
    Options options;
    options.limit = 1;
    TopView view{options};
    auto self = processes(1);
    self.rows.front().pid = ::getpid();
    view.take(self, 1);
    view.handle(Screen::enter);
    CHECK_FALSE(
        styled(view.lines(200, 24)[3], false).empty());   // a second mapping, below title, headers and the first
}

TEST_CASE("top: help, and back") {
    TopView view{Options()};
    view.take(processes(3), 1);
    view.handle('?');
    CHECK(text_of(view, 80, 24).find("pause") != std::string::npos);
    CHECK(text_of(view, 80, 6).find("quit") != std::string::npos);
    view.handle(Screen::down);
    CHECK(text_of(view, 80, 6).find("quit") == std::string::npos);
    CHECK(text_of(view, 80, 6).find("WHAT IT DOES") != std::string::npos);   // the headers stay
    view.handle(Screen::end);
    CHECK(text_of(view, 80, 6).find("tamstat help columns") != std::string::npos);
    CHECK(view.handle('q') == TopView::Wish::draw);
    CHECK(text_of(view, 80, 24).find("process-1") != std::string::npos);
    CHECK(view.handle('q') == TopView::Wish::quit);
}
