#include <chrono>
#include <cstdlib>
#include <future>
#include <ostream>
#include <thread>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/top_frame.h"

namespace ballast::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* overview = "/v1/overview";
constexpr auto ask_every = std::chrono::seconds{2};
constexpr int key_wait_ms = 100;

// What a look brought, or why it did not.
struct Look {
    value overview;
    std::optional<array> vms{};
    std::string trouble{}, vms_trouble{};
};

std::string trouble_of(const Result<Answer>& answer) {
    if (!answer) return answer.error().message;
    const std::string said = text(at(answer->body, "error"), "message");
    return said.empty() ? "the daemon answered " + std::to_string(answer->status) : said;
}

Look look(Api& api, bool with_vms) {
    const auto answer = api.call(Method::get, overview, nullptr);
    if (!answer || !answer->ok()) return {nullptr, {}, trouble_of(answer)};
    Look seen{answer->body, {}, ""};
    if (!with_vms) return seen;
    const auto vms = api.call(Method::get, "/v1/vms", nullptr);
    if (vms && vms->ok())
        seen.vms = list(vms->body, "vms");
    else
        seen.vms_trouble = trouble_of(vms);
    return seen;
}

// Asks in a thread of its own: a daemon that hangs must not keep anybody from quitting.
class Asker {
public:
    explicit Asker(Api& api) : api_(api) {}

    bool asks() const { return asked_.valid(); }
    void ask(bool with_vms) {
        std::promise<Look> promise;
        asked_ = promise.get_future();
        std::thread([&api = api_, with_vms, promise = std::move(promise)]() mutable {
            promise.set_value(look(api, with_vms));
        }).detach();
    }
    std::optional<Look> answer() {
        if (!asks() || asked_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) return std::nullopt;
        return asked_.get();
    }

private:
    Api& api_;
    std::future<Look> asked_;
};

class Top {
public:
    explicit Top(Session& session) : session_(session), asker_(session.api()) {}

    /// Until somebody quits.
    void run() {
        Console console;
        for (bool drawn = false;;) {
            drawn = !take_answer() && drawn;
            if (!asker_.asks() && Clock::now() >= ask_at_) asker_.ask(view_.table == TopTable::vms);
            const Console::Size size = console.size();
            drawn = drawn && size.columns == size_.columns && size.rows == size_.rows && age() == facts_.age;
            size_ = size;
            if (!drawn || console.is_blank()) draw(console);
            drawn = true;
            const std::string key = console.key(key_wait_ms);
            if (key == "q" || key == "Q" || key == "end of input") return;
            if (key.empty()) continue;
            const TopTable table = view_.table;
            view_ = after_key(view_, key, static_cast<std::size_t>(std::max(size.rows / 2, 1)));
            view_.first = std::min(view_.first, last_first(facts_, view_, style(), size.rows));
            if (view_.table != table) ask_at_ = {};
            drawn = false;
        }
    }
    bool asks() const { return asker_.asks(); }

private:
    bool take_answer() {
        auto seen = asker_.answer();
        if (!seen) return false;
        ask_at_ = Clock::now() + ask_every;
        facts_.trouble = std::move(seen->trouble);
        if (!facts_.trouble.empty()) return true;
        facts_.overview = std::move(seen->overview);
        if (seen->vms) facts_.vms = std::move(*seen->vms);
        facts_.vms_trouble = std::move(seen->vms_trouble);
        seen_at_ = Clock::now();
        return true;
    }
    int age() const {
        if (facts_.trouble.empty()) return facts_.age;
        return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - seen_at_).count());
    }
    void draw(Console& console) {
        facts_.age = age();
        console.draw(top_frame(facts_, view_, style(), size_.rows));
    }
    Style style() const {
        Style style = session_.terminal().out_style;
        style.width = size_.columns;
        return style;
    }

    Session& session_;
    Asker asker_;
    TopFacts facts_;
    TopView view_;
    Console::Size size_;
    Clock::time_point ask_at_{}, seen_at_ = Clock::now();
};

}  // namespace

Exit top(Session& session, bool once) {
    if (!session.for_people()) return session.show(overview, {});
    Terminal& terminal = session.terminal();
    if (!once && terminal.live && ::isatty(STDIN_FILENO) != 0) {
        Top shown(session);
        shown.run();
        if (shown.asks()) std::_Exit(0);  // the terminal is as it was; whoever is still asked is not waited for
        return Exit::ok;
    }
    const Fetched answer = session.fetch(overview);
    if (!answer) return answer.exit;
    for (const std::string& line : top_frame({answer.body, {}, ""}, {}, terminal.out_style, 0))
        terminal.out << line << "\n";
    return Exit::ok;
}

}  // namespace ballast::cli
