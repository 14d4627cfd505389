// ballast-vopr: looks for a seed under which a simulated cluster breaks one of its invariants, and plays scenarios that
// people wrote. docs/simulator.md is its manual.
#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include "sim/vopr/play_scripts.h"
#include "sim/vopr/script.h"
#include "sim/vopr/search.h"

// Asio asks for the frames of its coroutines by this, aligned as malloc aligns anyway; glibc takes its long way for
// each.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return alignment <= alignof(std::max_align_t) ? std::malloc(size) : ::memalign(alignment, size);
}

// Asio asks for what files are ready whenever a member has nothing left to run; no member has any, and time is virtual.
extern "C" int epoll_wait(int, struct epoll_event*, int, int) {
    return 0;
}

namespace {

using namespace ballast::sim::vopr;

struct Arguments {
    Search search;
    PlayScripts scripts;
    bool sentences = false;
    std::string seeds = "1..1000";
    bool log = false, tell = false;
};

bool read_seeds(const std::string& text, Search& search) {
    try {
        std::size_t end = 0;
        search.first = search.last = std::stoull(text, &end);
        if (end == text.size()) return true;
        if (text.compare(end, 2, "..") != 0) return false;
        std::size_t rest = 0;
        search.last = std::stoull(text.substr(end + 2), &rest);
        return end + 2 + rest == text.size() && search.first <= search.last;
    } catch (const std::exception&) {
        return false;
    }
}

void print_sentences() {
    std::cout << "What can happen (steps):\n";
    for (const std::string& sentence : all_steps()) std::cout << "  " << sentence << "\n";
    std::cout << "What can be expected, or waited for (when):\n";
    for (const std::string& sentence : all_looks()) std::cout << "  " << sentence << "\n";
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Plays whole clusters under faults, and tells of what breaks."};
    app.add_option("--seeds", arguments.seeds, "A..B, or one")->capture_default_str();
    app.add_option("--jobs", arguments.search.jobs, "processes")->check(CLI::Range(1, 1024))->capture_default_str();
    app.add_option("--stop-after", arguments.search.stop_after, "findings")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_flag("--verbose", arguments.search.verbose, "every line of a story");
    app.add_flag("!--no-story", arguments.search.stories, "only which seed, and what it breaks");
    app.add_flag("--quiet", arguments.search.quiet, "no progress");
    app.add_flag("--tell", arguments.tell, "the whole story of the first seed, broken or not");
    app.add_flag("--log", arguments.log, "with what the daemons log");
    app.add_option("--scenario", arguments.scripts.files, "plays the scenarios of these files")->expected(1, 10000);
    app.add_option("--only", arguments.scripts.only, "of the scenarios, those whose name has this");
    app.add_flag("--sentences", arguments.sentences, "the sentences of which scenarios are made");
    CLI11_PARSE(app, argc, argv);
    if (!read_seeds(arguments.seeds, arguments.search)) {
        std::cerr << "--seeds: " << arguments.seeds << " is neither a seed nor A..B\n";
        return 2;
    }
    if (!arguments.log) spdlog::set_level(spdlog::level::off);
    if (arguments.sentences) {
        print_sentences();
        return 0;
    }
    if (!arguments.scripts.files.empty()) {
        arguments.scripts.jobs = arguments.search.jobs;
        arguments.scripts.tell = arguments.tell;
        arguments.scripts.quiet = arguments.search.quiet;
        return play_scripts(arguments.scripts);
    }
    if (arguments.tell) return tell(arguments.search.first) ? 0 : 1;
    return search(arguments.search) == 0 ? 0 : 1;
}
