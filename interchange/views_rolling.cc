#include "interchange/views_rolling.h"

namespace ballast::views {

json::value rolling(const std::optional<RollingRun>& run) {
    if (!run) return nullptr;
    json::array left_out;
    for (const auto& [host, why] : run->left_out) left_out.push_back(json::object{{"host", host.value}, {"why", why}});
    const bool at_a_host = run->at < run->hosts.size();
    return json::object{{"state", to_string(run->state)},
                        {"step", at_a_host ? json::value(to_string(run->step)) : json::value()},
                        {"host", at_a_host ? json::value(run->hosts[run->at].value) : json::value()},
                        {"hosts", ids(run->hosts)},
                        {"done", run->at},
                        {"left_out", std::move(left_out)},
                        {"command", run->command},
                        {"reboot", to_string(run->reboot)},
                        {"started", time(run->started)},
                        {"ended", time(run->ended)},
                        {"since", time(run->since)},
                        {"requested_by", run->requested_by},
                        {"stopping", run->state == RollingState::running && !run->stop_by.empty()},
                        {"message", run->message},
                        {"output", run->output}};
}

}  // namespace ballast::views
