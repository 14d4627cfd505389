// The power broker's file. What an accepted one says of an agent is what the agent reads from its input: no value
// becomes a line of its own, such as another action. What is refused says where and why.
#include <algorithm>
#include <map>
#include <sstream>

#include "fuzz/fuzz.h"
#include "power/agent.h"
#include "power/power_file.h"

using namespace ballast;

namespace {

std::string trimmed(std::string text) {
    constexpr const char* blank = " \t\r\f\v";
    text.erase(0, std::min(text.find_first_not_of(blank), text.size()));
    text.erase(text.find_last_not_of(blank) + 1);
    return text;
}

/// As the agents read their input: name and value in each line [fence-agents 4.12, fencing.py, process_input].
std::multimap<std::string, std::string> read_as_agents_do(const std::string& input) {
    std::multimap<std::string, std::string> options;
    std::istringstream lines(input);
    for (std::string line; std::getline(lines, line);) {
        line = trimmed(line);
        if (line.empty() || line.front() == '#') continue;
        const auto equals = std::min(line.find('='), line.size());
        std::string value = line.substr(std::min(equals + 1, line.size()));
        if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        options.emplace(line.substr(0, equals), value);
    }
    return options;
}

void check_level(const power::Level& level) {
    BALLAST_ASSERT(level.agent.starts_with("fence_") && level.agent.find('/') == std::string::npos);
    BALLAST_ASSERT(level.timeout > Duration{});
    const auto input = power::agent_input(level, power::Action::status);
    BALLAST_ASSERT(input.has_value());
    std::multimap<std::string, std::string> expected = {{"action", "status"}};
    for (const auto& [name, parameter] : level.parameters) expected.emplace(name, parameter.value);
    if (!level.is_ipmi())
        for (const auto& [name, secret] : level.secrets) expected.emplace(name, secret.value);
    BALLAST_ASSERT(read_as_agents_do(*input) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const auto loaded = power::check_power_text({"fuzz.yaml", text});
    BALLAST_ASSERT(static_cast<bool>(loaded) == loaded.problems().empty());
    for (const auto& problem : loaded.problems())
        BALLAST_ASSERT(problem.line >= 1 && problem.column >= 1 && !problem.message.empty());
    if (!loaded) return 0;
    for (const power::HostPower& host : loaded->hosts) {
        BALLAST_ASSERT(loaded->find(host.id) == &host);  // each name once
        BALLAST_ASSERT(host.longest() > Duration{});
        for (const power::Level& level : host.levels) check_level(level);
    }
    return 0;
}
