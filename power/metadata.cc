#include "power/metadata.h"

#include <map>

#include "config/text.h"

namespace ballast::power {

namespace {

// An agent only loads its library and prints: a second on an idle machine, more when many start at boot.
constexpr Duration patience = std::chrono::seconds{30};

using Names = std::set<std::string>;

void check(const Level& level, const Names& names, config::Diagnostics& problems) {
    const auto ask = [&](const std::string& name, const config::Place& at) {
        if (names.contains(name)) return;
        const auto near = config::did_you_mean(name, {names.begin(), names.end()});
        problems.push_back(
            {at.file, at.line, at.column,
             level.agent + " has no parameter `" + name + "`" + (near ? "; did you mean `" + *near + "`?" : "")});
    };
    for (const auto& [name, parameter] : level.parameters) ask(name, parameter.place);
    for (const auto& [name, secret] : level.secrets) ask(name, secret.place);
}

}  // namespace

std::set<std::string> parameter_names(const std::string& metadata) {
    static const std::string before = "<parameter name=\"";
    Names names;
    for (auto at = metadata.find(before); at != std::string::npos; at = metadata.find(before, at)) {
        at += before.size();
        names.insert(metadata.substr(at, metadata.find('"', at) - at));
    }
    return names;
}

boost::asio::awaitable<config::Diagnostics> unknown_parameters(Children& children, Tools tools, PowerFile file) {
    config::Diagnostics problems;
    std::map<std::string, Names> known;
    for (const HostPower& host : file.hosts) {
        for (const Level& level : host.levels) {
            if (!known.contains(level.agent)) {
                Level bare;
                bare.agent = level.agent;
                const auto ended = co_await run_agent(children, tools, bare, Action::metadata, patience);
                Names& names = known[level.agent];
                if (ended && ended->in_time && ended->exit_code == 0) names = parameter_names(ended->output);
                if (names.empty())
                    problems.push_back({level.place.file, level.place.line, level.place.column,
                                        level.agent + " does not say what parameters it has" +
                                            (ended ? ": " + complaint_of(*ended, bare) : "")});
            }
            const Names& names = known[level.agent];
            if (!names.empty()) check(level, names, problems);
        }
    }
    co_return problems;
}

}  // namespace ballast::power
