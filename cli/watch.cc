#include "cli/watch.h"

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <future>
#include <ostream>
#include <sstream>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "cli/console.h"
#include "cli/human.h"
#include "cli/watch_frame.h"
#include "cli/whole_file.h"

namespace ballast::cli {

namespace {
using Clock = std::chrono::steady_clock;
constexpr int key_wait_ms = 100;
constexpr std::string_view own_name = "ballastctl: ";
constexpr double least_seconds = 0.5, most_seconds = 3600;

struct Look {
    std::string out, err;
    Exit exit = Exit::ok;
    bool failed() const {
        return exit != Exit::ok && out.empty();
    }  // some verbs end with another code than 0 and an answer
};

// `style`: how the answer is to look.
Look look(Api& api, Format format, Style style, const Action& action) {
    std::ostringstream out, err;
    Style plain = style;
    plain.colour = false;
    plain.width = 0;
    Terminal terminal{out, err, style, plain, false, [](int) {}};
    Session session(api, terminal, format);
    Look seen;
    seen.exit = action(session);
    seen.out = out.str();
    seen.err = err.str();
    return seen;
}

std::string time_of_day() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

// Looks in a thread of its own: a daemon that hangs must not keep anybody from quitting.
class Looker {
public:
    Looker(Session& session, const Action& action) : session_(session), action_(action) {}

    bool looks() const { return begun_.valid(); }
    void begin(Style style) {
        std::promise<Look> promise;
        begun_ = promise.get_future();
        std::thread([&api = session_.api(), style, &action = action_, promise = std::move(promise)]() mutable {
            promise.set_value(look(api, Format::table, style, action));
        }).detach();
    }
    std::optional<Look> seen() {
        if (!looks() || begun_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) return std::nullopt;
        return begun_.get();
    }

private:
    Session& session_;
    const Action& action_;
    std::future<Look> begun_;
};

class Screen {
public:
    Screen(Session& session, const Action& action, const WatchWish& wish, const std::string& first)
        : session_(session), looker_(session, action), wish_(wish) {
        shown_.title = wish.title;
        shown_.every = wish.every;
        take({first, "", Exit::ok});
    }

    /// Until somebody quits.
    void run() {
        Console console;
        for (bool drawn = false;;) {
            if (auto seen = looker_.seen()) {
                take(std::move(*seen));
                drawn = false;
            }
            const Console::Size size = console.size();
            if (size.columns != size_.columns || size.rows != size_.rows) {
                if (size.columns != size_.columns) look_at_ = {};
                size_ = size;
                drawn = false;
            }
            if (!looker_.looks() && Clock::now() >= look_at_) looker_.begin(style());
            const int age = shown_.trouble.empty() ? 0 : seconds_since(seen_at_);
            if (age != shown_.age) drawn = false;
            shown_.age = age;
            if (!drawn || console.is_blank()) console.draw(watch_frame(shown_, style(), size.rows));
            drawn = true;
            const std::string key = console.key(key_wait_ms);
            if (key == "q" || key == "Q" || key == "end of input") return;
            if (key.empty()) continue;
            shown_.first = scrolled(shown_, key, size.rows);
            drawn = false;
        }
    }
    bool looks() const { return looker_.looks(); }

private:
    static int seconds_since(Clock::time_point then) {
        return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - then).count());
    }
    Style style() const {
        Style style = session_.terminal().out_style;
        style.width = size_.columns;
        return style;
    }
    void take(Look seen) {
        look_at_ = Clock::now() + wish_.every;
        shown_.trouble = seen.failed() ? first_line(seen.err) : "";
        if (shown_.trouble.starts_with(own_name)) shown_.trouble.erase(0, own_name.size());
        if (seen.failed()) return;
        shown_.lines = text_lines(seen.out);
        shown_.at = time_of_day();
        seen_at_ = Clock::now();
    }

    Session& session_;
    Looker looker_;
    const WatchWish& wish_;
    WatchShown shown_;
    Console::Size size_;
    Clock::time_point look_at_{}, seen_at_ = Clock::now();
};

// What separates one answer from the next, so that both people and programs see where it begins.
std::string mark(Session& session) {
    if (session.format() == Format::yaml) return "---\n";
    if (session.format() == Format::table && session.terminal().out_style.headers) return time_of_day() + "\n";
    return "";
}

Exit watch_in_blocks(Session& session, const Action& action, const WatchWish& wish, Look seen) {
    const Format format = session.format() == Format::json ? Format::json_line : session.format();
    Terminal& terminal = session.terminal();
    for (std::string told; terminal.out;) {
        if (seen.failed() && seen.err != told) {
            terminal.err << seen.err << std::flush;
            session.complain("ballastctl: watching on; what comes back is shown again");
        }
        if (!seen.failed() && !told.empty()) session.complain("ballastctl: it answers again");
        told = seen.failed() ? seen.err : "";
        if (!seen.failed()) terminal.out << mark(session) << seen.out;
        if (!seen.failed() && format == Format::table) terminal.out << "\n";
        terminal.out << std::flush;
        terminal.wait(static_cast<int>(wish.every.count()));
        seen = look(session.api(), format, terminal.out_style, action);
    }
    return Exit::failed;
}
}  // namespace

std::optional<std::chrono::milliseconds> watch_interval(const std::string& seconds) {
    double read = 0;
    const auto end = seconds.data() + seconds.size();
    const auto [stopped, error] = std::from_chars(seconds.data(), end, read);
    if (error != std::errc() || stopped != end || !(read >= least_seconds && read <= most_seconds)) return std::nullopt;
    return std::chrono::milliseconds(static_cast<int>(read * 1000));
}

Exit watch(Session& session, const Action& action, const WatchWish& wish) {
    Terminal& terminal = session.terminal();
    const Format format = session.format() == Format::json ? Format::json_line : session.format();
    Look first = look(session.api(), format, terminal.out_style, action);
    if (first.failed()) {
        terminal.err << first.err << std::flush;
        return first.exit;
    }
    const bool on_screen = session.for_people() && terminal.live && ::isatty(STDIN_FILENO) != 0;
    if (!on_screen) return watch_in_blocks(session, action, wish, std::move(first));
    Screen screen(session, action, wish, first.out);
    screen.run();
    if (screen.looks()) std::_Exit(0);  // the terminal is as it was; whoever is still asked is not waited for
    return Exit::ok;
}

}  // namespace ballast::cli
