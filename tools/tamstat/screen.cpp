// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include <algorithm>     // std::clamp, std::find
#include <array>         // std::array
#include <cstdio>        // stdin, stdout
#include <cstdlib>       // std::getenv
#include <cstring>       // std::strlen
#include <string_view>   // std::string_view

#include <poll.h>           // poll
#include <sys/ioctl.h>      // ioctl, TIOCGWINSZ
#include <sys/signalfd.h>   // signalfd
#include <termios.h>        // tcgetattr, tcsetattr
#include <unistd.h>         // close, isatty, read, write

#define NCURSES_NOMACROS 1   // NOLINT(readability-identifier-naming): they would take names such as erase and move
#include <ncurses.h>
#include <term.h>   // cursor_normal, exit_ca_mode; and macros such as lines

#include "text.hpp"   // cut_to, display_width, escaped

namespace tamstat {

namespace {

constexpr std::array ending{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array crashing{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What a handler of a crash needs, which can call hardly anything.
struct Restoration {
    termios settings{};
    const char* leave = nullptr;    // the alternate screen
    const char* cursor = nullptr;   // makes it visible
};
Restoration restoration;

void send(const char* sequence) {
    if (sequence != nullptr && ::write(STDOUT_FILENO, sequence, std::strlen(sequence)) < 0) return;   // nothing helps
}

extern "C" void restore_and_crash(int signal) {
    send(restoration.leave);
    send(restoration.cursor);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &restoration.settings);
    ::raise(signal);   // the default action, once the handler returns: SA_RESETHAND
}

// A sanitizer has handlers of its own.
void set_crash_handlers(bool on) {
    for (const int signal : crashing) {
        struct sigaction now{}, action{};
        ::sigaction(signal, nullptr, &now);
        if (now.sa_handler != (on ? SIG_DFL : restore_and_crash)) continue;
        action.sa_handler = on ? restore_and_crash : SIG_DFL;
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        ::sigaction(signal, &action, nullptr);
    }
}

// Lets the signal do what it does by default: to end the program, or to stop it until CONT.
void succumb_to(int signal) {
    sigset_t one, before;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    std::signal(signal, SIG_DFL);
    ::sigprocmask(SIG_UNBLOCK, &one, &before);
    ::raise(signal);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

void follow_the_size() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        ::resizeterm(size.ws_row, size.ws_col);
}

int key_of(int key) {
    switch (key) {
    case KEY_UP: return Screen::up;
    case KEY_DOWN: return Screen::down;
    case KEY_PPAGE: return Screen::page_up;
    case KEY_NPAGE: return Screen::page_down;
    case KEY_HOME: return Screen::home;
    case KEY_END: return Screen::end;
    case KEY_ENTER:
    case '\n':
    case '\r': return Screen::enter;
    case 27: return Screen::escape;
    case KEY_BACKSPACE:
    case '\b':
    case 127: return Screen::backspace;
    default: return key < KEY_MIN ? key : 0;   // other keys of curses are none of Key
    }
}

sigset_t signals_taken() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : ending) ::sigaddset(&set, signal);
    for (const int signal : {SIGTSTP, SIGCONT, SIGWINCH}) ::sigaddset(&set, signal);
    return set;
}

bool able_terminal() {
    const char* const name = std::getenv("TERM");   // NOLINT(concurrency-mt-unsafe): nobody changes it
    const std::string_view term = name == nullptr ? "" : name;
    return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 && !term.empty() && term != "dumb";
}

void set_up(bool color) {
    ::cbreak();
    ::noecho();
    ::nodelay(stdscr, true);
    ::keypad(stdscr, true);
    constexpr int milliseconds = 25;   // for the rest of a sequence that begins with Escape
    ::set_escdelay(milliseconds);
    ::curs_set(0);
    if (!color || !::has_colors()) return;
    ::start_color();
    ::use_default_colors();
    ::init_pair(static_cast<short>(Style::high), COLOR_RED, -1);
    ::init_pair(static_cast<short>(Style::low), COLOR_YELLOW, -1);
    ::init_pair(static_cast<short>(Style::warning), COLOR_MAGENTA, -1);
}

}   // namespace

std::unique_ptr<Screen> Screen::open(bool color) {
    if (!able_terminal()) return nullptr;
    ::tcgetattr(STDIN_FILENO, &restoration.settings);
    const auto taken = signals_taken();
    sigset_t mask;
    ::sigprocmask(SIG_BLOCK, &taken, &mask);
    const int signals = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || ::newterm(nullptr, stdout, stdin) == nullptr) {   // TERM is not known here
        if (signals >= 0) ::close(signals);
        ::sigprocmask(SIG_SETMASK, &mask, nullptr);
        return nullptr;
    }
    restoration.leave = exit_ca_mode;
    restoration.cursor = cursor_normal;
    set_crash_handlers(true);
    set_up(color);
    return std::unique_ptr<Screen>(new Screen(mask, signals, color));
}

Screen::~Screen() {
    ::endwin();
    set_crash_handlers(false);
    ::close(signals_);
    for (const int signal : ending) std::signal(signal, SIG_DFL);   // ncurses has set its own
    std::signal(SIGTSTP, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

std::size_t Screen::width() const { return static_cast<std::size_t>(std::max(::getmaxx(stdscr), 1)); }
std::size_t Screen::height() const { return static_cast<std::size_t>(std::max(::getmaxy(stdscr), 1)); }

void Screen::show(const std::vector<Line>& picture) const {
    ::werase(stdscr);
    for (std::size_t y = 0; y < std::min(picture.size(), height()); ++y) {
        std::size_t x = 0;
        for (const auto& piece : picture[y]) {
            const auto text = cut_to(width() - x, escaped(piece.text));
            const auto color = static_cast<attr_t>(color_ ? COLOR_PAIR(static_cast<int>(piece.style)) : 0);
            ::wattrset(stdscr, static_cast<int>(color | (piece.reversed ? A_REVERSE : A_NORMAL)));
            ::mvwaddstr(stdscr, static_cast<int>(y), static_cast<int>(x), text.c_str());
            x += display_width(text);
            if (x >= width()) break;
        }
    }
    ::wattrset(stdscr, A_NORMAL);
    ::wrefresh(stdscr);
}

// What is pending comes one at a time, so that none is lost.
Event Screen::take_signal() const {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) return {Event::What::redraw};
    const auto signal = static_cast<int>(info.ssi_signo);
    if (std::ranges::find(ending, signal) != ending.end()) {
        ::endwin();
        set_crash_handlers(false);
        succumb_to(signal);
    }
    if (signal == SIGTSTP) {
        ::endwin();
        succumb_to(signal);
    }
    if (signal == SIGCONT) ::endwin();   // somebody else may have had the terminal
    follow_the_size();
    ::clearok(stdscr, true);
    return {Event::What::redraw};
}

Event Screen::wait(std::chrono::steady_clock::time_point until) {
    using std::chrono::milliseconds;
    while (true) {
        const int key = ::wgetch(stdscr);
        if (key == KEY_RESIZE) return {Event::What::redraw};
        if (key != ERR) return {Event::What::key, key_of(key)};
        const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()).count();
        std::array<pollfd, 2> both{{{STDIN_FILENO, POLLIN, 0}, {signals_, POLLIN, 0}}};
        constexpr long hour = 3'600'000;
        const int ready = ::poll(both.data(), both.size(), static_cast<int>(std::clamp(left, 0L, hour)));
        if (ready <= 0) return {};
        if (both[1].revents != 0) return take_signal();
        if ((both[0].revents & (POLLHUP | POLLERR)) != 0) {   // the terminal is gone, and nobody said so
            ::endwin();
            succumb_to(SIGHUP);
        }
    }
}

}   // namespace tamstat
