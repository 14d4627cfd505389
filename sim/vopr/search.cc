#include "sim/vopr/search.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <map>
#include <poll.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "sim/vopr/shrink.h"

namespace ballast::sim::vopr {

namespace {
constexpr auto progress_every = std::chrono::seconds{5};
constexpr std::size_t longest_story = 400;  // lines, the last ones

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return std::string("process: ended by ") + strsignal(WTERMSIG(status));
    return "process: ended with " + std::to_string(WEXITSTATUS(status));
}

void write_all(int to, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t n = ::write(to, text.data() + done, text.size() - done);
        if (n <= 0) std::_Exit(3);
        done += static_cast<std::size_t>(n);
    }
}

std::string read_all(int from) {
    std::string text;
    std::array<char, 65536> part{};
    for (ssize_t n = 0; (n = ::read(from, part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(n));
    return text;
}

// What the members say all the time.
bool is_noise(const std::string& line) {
    for (const char* noise : {"/ballast/cluster/agents/", "/ballast/cluster/hosts/", "/ballast/cluster/answers/",
                              "/ballast/cluster/calls/", "/ballast/cluster/events/", "/ballast/boots/", ": iteration "})
        if (line.find(noise) != std::string::npos &&
            (line.find(" erased") == std::string::npos || line.find("/agents/") == std::string::npos))
            return true;
    return false;
}

// Beats of the leader put its key anew: only a change of hands is told.
bool is_beat(const std::string& line, std::string& leader) {
    const auto at = line.find("/ballast/cluster/leader");
    if (at == std::string::npos) return false;
    const std::string says = line.substr(at);
    return std::exchange(leader, says) == says;
}

void print_story(const Outcome& outcome, bool verbose) {
    std::vector<const std::string*> lines;
    std::string leader;
    for (const std::string& line : outcome.trace)
        if (verbose || (!is_noise(line) && !is_beat(line, leader))) lines.push_back(&line);
    const std::size_t skipped = !verbose && lines.size() > longest_story ? lines.size() - longest_story : 0;
    if (skipped > 0) std::cout << "  ... " << skipped << " lines before\n";
    for (std::size_t i = skipped; i < lines.size(); ++i) std::cout << "  " << *lines[i] << "\n";
}

// Of "4: /ballast/ops/..." the number, or what a process says of its end.
std::string kind_of(const std::string& broken) {
    return broken.substr(0, broken.find(':'));
}

void report(std::uint64_t seed, const Outcome& found, const Search& what) {
    std::cout << "seed " << seed << " breaks invariant " << found.broken << "\n" << std::flush;
    if (!what.stories) return;
    const std::string kind = kind_of(found.broken);
    const Scenario fewest =
        shrink(draw(seed), [&](const Scenario& smaller) { return kind_of(play(smaller, false).broken) == kind; });
    const Outcome again = play(fewest, true);
    std::cout << "With the fewest faults: " << again.broken << "\n" << to_string(fewest) << "What happened:\n";
    print_story(again, what.verbose);
    std::cout << std::flush;
}

struct Worker {
    pid_t process = 0;
    int says = -1;
    std::string unread;
    std::uint64_t at = 0;  // the seed it plays
    bool busy = false;
};

// A line for each seed it begins ("> N") and ends ("= N steps broken").
void work(int to, std::uint64_t first, std::uint64_t last, unsigned stride) {
    for (std::uint64_t seed = first; seed <= last; seed += stride) {
        write_all(to, "> " + std::to_string(seed) + "\n");
        const Outcome outcome = run(draw(seed), false);
        write_all(to, "= " + std::to_string(seed) + " " + std::to_string(outcome.steps) + " " +
                          std::to_string(outcome.migrations) + " " + std::to_string(outcome.starts) + " " +
                          std::to_string(outcome.took.count()) + " " + outcome.broken + "\n");
    }
}

class Searching {
public:
    explicit Searching(const Search& what) : what_(what) {
        for (unsigned i = 0; i < what.jobs; ++i) begin(what.first + i);
    }

    unsigned go() {
        const auto began = std::chrono::steady_clock::now();
        auto told = began;
        while (!workers_.empty() && findings_.size() < what_.stop_after) {
            listen();
            const auto now = std::chrono::steady_clock::now();
            if (!what_.quiet && now - told > progress_every) {
                told = now;
                std::cerr << played_ << " seeds, " << rate(began) << " a second\n";
            }
        }
        for (auto& worker : workers_) {
            ::kill(worker.process, SIGKILL);
            end(worker);
        }
        std::cout << played_ << " seeds (" << migrations_ << " migrations, " << starts_ << " starts, "
                  << virtual_time_ / 3'600'000 << " h of their time, " << steps_ << " steps), " << rate(began)
                  << " a second, " << findings_.size() << " broken\n";
        for (const auto& [seed, outcome] : findings_) report(seed, outcome, what_);
        return static_cast<unsigned>(findings_.size());
    }

private:
    double rate(std::chrono::steady_clock::time_point began) const {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        return static_cast<double>(played_) / std::max(0.001, took.count());
    }

    void begin(std::uint64_t first) {
        if (first > what_.last) return;
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) std::abort();
        const pid_t process = ::fork();
        if (process == 0) {
            ::close(ends[0]);
            work(ends[1], first, what_.last, what_.jobs);
            std::_Exit(0);
        }
        ::close(ends[1]);
        workers_.push_back({process, ends[0], {}, first, true});
    }

    void listen() {
        std::vector<pollfd> all;
        for (const Worker& worker : workers_) all.push_back({worker.says, POLLIN, 0});
        ::poll(all.data(), all.size(), 1000);
        for (std::size_t i = all.size(); i-- > 0;)
            if (all[i].revents != 0) hear(i);
    }

    void hear(std::size_t i) {
        Worker& worker = workers_[i];
        std::array<char, 65536> part{};
        const ssize_t n = ::read(worker.says, part.data(), part.size());
        if (n > 0) {
            worker.unread.append(part.data(), static_cast<std::size_t>(n));
            for (std::size_t end = 0; (end = worker.unread.find('\n')) != std::string::npos;) {
                take(worker, worker.unread.substr(0, end));
                worker.unread.erase(0, end + 1);
            }
            return;
        }
        const bool died = worker.busy;
        const std::uint64_t at = worker.at;
        const int status = end(worker);
        workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(i));
        if (!died || status == 0) return;
        ++played_;
        Outcome outcome;
        outcome.broken = how_it_ended(status);
        findings_.emplace(at, outcome);
        begin(at + what_.jobs);
    }

    void take(Worker& worker, const std::string& line) {
        worker.busy = line[0] == '>';
        std::size_t at = 0;
        worker.at = std::stoull(line.substr(2), &at);
        if (worker.busy) return;
        ++played_;
        Outcome outcome;
        std::string rest = line.substr(2 + at + 1);
        steps_ += std::stoull(rest, &at);
        rest = rest.substr(at + 1);
        migrations_ += std::stoull(rest, &at);
        rest = rest.substr(at + 1);
        starts_ += std::stoull(rest, &at);
        rest = rest.substr(at + 1);
        virtual_time_ += std::stoull(rest, &at);
        outcome.broken = rest.substr(at + 1);
        if (!outcome.broken.empty()) findings_.emplace(worker.at, outcome);
    }

    static int end(Worker& worker) {
        ::close(worker.says);
        int status = 0;
        ::waitpid(worker.process, &status, 0);
        return status;
    }

    const Search what_;
    std::vector<Worker> workers_;
    std::map<std::uint64_t, Outcome> findings_;
    std::uint64_t played_ = 0, migrations_ = 0, starts_ = 0, virtual_time_ = 0, steps_ = 0;
};
}  // namespace

Outcome play(const Scenario& scenario, bool tracing) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    const pid_t process = ::fork();
    if (process == 0) {
        ::close(ends[0]);
        const Outcome outcome = run(scenario, tracing);
        std::string text = outcome.broken + "\n";
        for (const std::string& line : outcome.trace) text += line + "\n";
        write_all(ends[1], text);
        std::_Exit(0);
    }
    ::close(ends[1]);
    const std::string text = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(process, &status, 0);
    Outcome outcome;
    if (status != 0) {
        outcome.broken = how_it_ended(status);
        return outcome;
    }
    std::size_t at = text.find('\n');
    outcome.broken = text.substr(0, at);
    for (std::size_t begin = at + 1; (at = text.find('\n', begin)) != std::string::npos; begin = at + 1)
        outcome.trace.push_back(text.substr(begin, at - begin));
    return outcome;
}

unsigned search(const Search& what) {
    return Searching(what).go();
}

bool tell(std::uint64_t seed) {
    const Scenario scenario = draw(seed);
    const Outcome outcome = play(scenario, true);
    std::cout << to_string(scenario) << "What happened:\n";
    print_story(outcome, true);
    std::cout << (outcome.broken.empty() ? "nothing is broken" : "broken: " + outcome.broken) << "\n";
    return outcome.broken.empty();
}

}  // namespace ballast::sim::vopr
