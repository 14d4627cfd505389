// Scenarios that people wrote: YAML files with steps and expectations in plain sentences (docs/simulator.md).
#pragma once

#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "policy/options.h"
#include "sim/vopr/expect.h"
#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

/// An event that happens once, as soon as something is seen.
struct Cue {
    Look when;
    Duration later{};  // after that
    Event event;
};

struct Script {
    std::string file, theme;  // of all in one file
    int line = 1;
    std::string name;   // unique within its file
    std::string shows;  // one sentence
    Scenario scenario;
    policy::Options policy;
    std::vector<Cue> cues;
    std::vector<Expectation> expectations;  // one at least
};

/// Requires the whole file to be right: each problem has its place.
config::Loaded<std::vector<Script>> scripts_from(const std::string& file, const std::string& text);
config::Loaded<std::vector<Script>> load_scripts(const std::string& path);

/// What there is, by theme, in Markdown: tests/scenarios/README.md has it.
std::string index_of(const std::vector<Script>& all);

/// All sentences for steps, for people.
std::vector<std::string> all_steps();

}  // namespace ballast::sim::vopr
