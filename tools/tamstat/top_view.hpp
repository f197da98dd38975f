// SPDX-License-Identifier: MIT
//
// What `top` shows, and what the keys change of it; knows nothing of the terminal.
//
//   namespace tamstat {
//     class TopView;
//   }
#pragma once
#include <cstddef>       // std::size_t
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "collect.hpp"   // Collection
#include "columns.hpp"   // Column
#include "options.hpp"   // Options
#include "table.hpp"     // Line, Table

namespace tamstat {

/// A list of processes, or the mappings of one of them, or the help.
class TopView {
public:
    explicit TopView(Options options);

    /// What a key asks for, beside to draw again.
    enum class Wish : unsigned char { draw, sample, quit };

    [[nodiscard]] const Options& options() const noexcept { return options_; }
    [[nodiscard]] bool paused() const noexcept { return paused_ || !in_list_; }
    [[nodiscard]] std::vector<const Column*> columns() const;
    /// \returns what must be read for them; growth is made from the samples
    [[nodiscard]] Need need() const;

    /// \effects takes a new sample
    /// \requires it was taken `seconds` after the one before
    void take(Collection collection, double seconds);

    /// \returns the rows of the latest sample as they are shown
    [[nodiscard]] std::vector<ProcessRow> rows() const;
    [[nodiscard]] const Collection& collection() const noexcept { return now_; }

    /// \returns a screen of lines
    [[nodiscard]] std::vector<Line> lines(std::size_t width, std::size_t height);

    /// \requires a key of Screen, or a byte
    Wish handle(int key);

private:
    Wish handle_prompt(int key);
    Wish handle_list(int key);
    void move(std::ptrdiff_t by);
    void sort_by_next(std::ptrdiff_t by);
    void reverse();
    void choose_preset(std::size_t preset);
    void show_page(std::string title, Table page);
    void show_mappings();
    void apply_filter();
    [[nodiscard]] std::string sorted_by() const;   // a key
    [[nodiscard]] std::string title(std::size_t shown) const;
    [[nodiscard]] std::string keys() const;
    void add_list(std::vector<Line>& lines, std::size_t width, std::size_t room);
    void add_page(std::vector<Line>& lines, std::size_t width, std::size_t room);

    Options options_;
    std::size_t preset_ = 0;
    Collection now_;
    bool in_list_ = true;   // else on a page: mappings, or help
    std::string page_title_;
    Table page_{{}};
    std::size_t first_ = 0;                 // that is shown, of rows or of lines
    std::size_t selected_ = 0, room_ = 1;   // of rows; how many fit
    bool typing_ = false;                   // the filter
    std::string typed_;
    std::string message_;   // what went wrong
    bool paused_ = false;
};

}   // namespace tamstat
