#include "sim/vopr/play_scripts.h"

#include <array>
#include <cstring>
#include <deque>
#include <iostream>
#include <poll.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include "config/text.h"
#include "sim/vopr/run.h"
#include "sim/vopr/script.h"

namespace ballast::sim::vopr {

namespace {
std::string story_of(const Script& script, const Outcome& outcome) {
    std::ostringstream text;
    text << to_string(script.scenario);
    for (const Cue& one : script.cues)
        text << "  " << one.later.count() << " ms after \"" << one.when.text << "\": " << to_string(one.event) << "\n";
    text << "What happened:\n";
    for (const std::string& line : outcome.trace) text << "  " << line << "\n";
    return text.str();
}

// One scenario in a process of its own: an assertion that fails there is a failure like any other.
std::string played(const Script& script, bool tell, bool& passed) {
    const Outcome outcome = run(script, tell);
    passed = outcome.broken.empty() && outcome.missed.empty();
    std::string text;
    if (tell) text += story_of(script, outcome);
    if (!outcome.broken.empty()) text += "  breaks invariant " + outcome.broken + "\n";
    for (const std::string& missed : outcome.missed) text += "  " + missed + "\n";
    return text;
}

struct Playing {
    pid_t process = 0;
    int says = -1;
    const Script* script = nullptr;
    std::string text;
};

class Players {
public:
    explicit Players(const PlayScripts& what) : what_(what) {}

    void play(const Script& script) {
        while (playing_.size() >= what_.jobs) listen();
        std::array<int, 2> ends{};
        std::cout << std::flush;
        if (::pipe(ends.data()) != 0) std::abort();
        const pid_t process = ::fork();
        if (process == 0) {
            ::close(ends[0]);
            bool well = false;
            const std::string text = played(script, what_.tell, well);
            for (std::size_t done = 0; done < text.size();) {
                const ssize_t n = ::write(ends[1], text.data() + done, text.size() - done);
                if (n <= 0) std::_Exit(3);
                done += static_cast<std::size_t>(n);
            }
            std::_Exit(well ? 0 : 1);
        }
        ::close(ends[1]);
        playing_.push_back({process, ends[0], &script, {}});
    }

    void finish() {
        while (!playing_.empty()) listen();
    }
    unsigned passed = 0, failed = 0;

private:
    void listen() {
        std::vector<pollfd> all;
        for (const Playing& one : playing_) all.push_back({one.says, POLLIN, 0});
        ::poll(all.data(), all.size(), -1);
        for (std::size_t i = all.size(); i-- > 0;)
            if (all[i].revents != 0) hear(i);
    }

    void hear(std::size_t i) {
        Playing& one = playing_[i];
        std::array<char, 65536> part{};
        const ssize_t n = ::read(one.says, part.data(), part.size());
        if (n > 0) {
            one.text.append(part.data(), static_cast<std::size_t>(n));
            return;
        }
        ::close(one.says);
        int status = 0;
        ::waitpid(one.process, &status, 0);
        if (WIFSIGNALED(status))
            one.text += std::string("  the process ended by ") + strsignal(WTERMSIG(status)) + "\n";
        tell_of(one, status == 0);
        playing_.erase(playing_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    void tell_of(const Playing& one, bool well) {
        ++(well ? passed : failed);
        if (well && what_.quiet) return;
        const Script& script = *one.script;
        std::cout << (well ? "PASS  " : "FAIL  ") << script.file << ":" << script.line << ": " << script.name << "\n";
        if (!well) std::cout << "  " << script.shows << "\n";
        std::cout << one.text;
    }

    const PlayScripts& what_;
    std::vector<Playing> playing_;
};
}  // namespace

int play_scripts(const PlayScripts& what) {
    std::deque<std::vector<Script>> all;
    bool readable = true;
    for (const std::string& file : what.files) {
        auto scripts = load_scripts(file);
        if (!scripts) std::cerr << config::to_string(scripts.problems());
        readable = readable && scripts;
        if (scripts) all.push_back(*scripts);
    }
    if (!readable) return 2;
    Players players(what);
    for (const auto& scripts : all)
        for (const Script& script : scripts)
            if (script.name.find(what.only) != std::string::npos) players.play(script);
    players.finish();
    std::cout << players.passed << " scenarios passed, " << players.failed << " failed\n";
    if (players.passed + players.failed == 0) std::cerr << "no scenario has \"" << what.only << "\" in its name\n";
    return players.failed == 0 && players.passed > 0 ? 0 : 1;
}

}  // namespace ballast::sim::vopr
