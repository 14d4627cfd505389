#include "daemon/host_list.h"

#include <algorithm>
#include <map>

#include "config/load.h"
#include "config/render.h"
#include "daemon/startup.h"
#include "model/names.h"

namespace ballast::daemon {

namespace {

std::string text_of(const config::HostOptions& host) {
    config::DaemonOptions alone;
    alone.hosts = {host};
    return config::to_yaml(alone);
}

std::string text_but_hosts(config::DaemonOptions options) {
    options.hosts.clear();
    return config::to_yaml(options);
}

const config::HostOptions* find(const config::DaemonOptions& options, const HostId& host) {
    const auto found = std::find_if(options.hosts.begin(), options.hosts.end(),
                                    [&](const config::HostOptions& one) { return one.id == host; });
    return found == options.hosts.end() ? nullptr : &*found;
}

void add(std::string& text, const std::vector<HostId>& hosts, const char* done) {
    if (hosts.empty()) return;
    std::vector<std::string> names;
    for (const HostId& host : hosts) names.push_back(host.value);
    text += (text.empty() ? "" : ", ") + names_are(names) + " " + done;
}

std::string in_one_line(const config::Diagnostics& problems) {
    std::string text = config::to_string(problems);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

config::Loaded<config::DaemonOptions> read_file(const std::string& file) {
    auto read = config::load_daemon_file(file);
    if (!read || !read->hosts.empty()) return read;
    config::DaemonOptions local = *read;
    local.hosts.push_back(config::default_host(short_hostname()));
    return local;
}

}  // namespace

std::optional<HostChange> change_of_hosts(const config::DaemonOptions& in_force, const config::DaemonOptions& wanted) {
    if (config::to_yaml(in_force) == config::to_yaml(wanted) || text_but_hosts(in_force) != text_but_hosts(wanted))
        return std::nullopt;
    HostChange change;
    for (const config::HostOptions& host : in_force.hosts) {
        const config::HostOptions* now = find(wanted, host.id);
        if (now == nullptr)
            change.removed.push_back(host.id);
        else if (text_of(*now) != text_of(host))
            change.changed.push_back(host.id);
    }
    for (const config::HostOptions& host : wanted.hosts)
        if (find(in_force, host.id) == nullptr) change.added.push_back(host.id);
    return change;
}

std::string text_of(const HostChange& change) {
    std::string text;
    add(text, change.added, "added");
    add(text, change.removed, "removed");
    add(text, change.changed, "changed");
    return text.empty() ? "the hosts are in another order" : text;
}

std::string obstacle_to(const HostChange& change, const std::vector<Operation>& active,
                        const std::vector<PowerRecord>& power, const std::optional<RollingRun>& rolling) {
    std::vector<HostId> let_go = change.removed;
    let_go.insert(let_go.end(), change.changed.begin(), change.changed.end());
    const auto concerns = [&](const HostId& host) {
        return std::find(let_go.begin(), let_go.end(), host) != let_go.end();
    };
    for (const Operation& op : active)
        if (op.state != OperationState::waiting && (concerns(op.from) || concerns(op.to)))
            return op.vm_name + " is on its way from " + op.from.value + " to " + op.to.value;
    for (const PowerRecord& record : power)
        if (concerns(record.host) && is_switching(record.state))
            return record.host.value + " is " + to_string(record.state);
    if (rolling && rolling->state == RollingState::running)
        for (const HostId& host : rolling->hosts)
            if (concerns(host)) return host.value + " is a part of the rolling reboot under way";
    return {};
}

HostList::HostList(std::string file) : file_(std::move(file)) {
    if (const auto read = read_file(file_)) in_force_ = *read;
}

HostList::Edited HostList::look(const std::function<std::string(const HostChange&)>& obstacle) const {
    const auto read = read_file(file_);
    if (!read) return {file_ + " has problems and would not load: " + in_one_line(read.problems())};
    if (in_force_ && config::to_yaml(*read) == config::to_yaml(*in_force_)) return {};
    const auto change = in_force_ ? change_of_hosts(*in_force_, *read) : std::nullopt;
    if (!change) return {file_ + " has changed; it takes effect with a restart"};
    if (const auto whole = load(file_); !whole)
        return {file_ + " has other hosts, with which it would not load: " + in_one_line(whole.problems())};
    if (const std::string why = obstacle(*change); !why.empty())
        return {file_ + " has other hosts, which are not taken now: " + why + "; reload again when that is over"};
    return {text_of(*change) + ": the daemon starts anew with these hosts", true};
}

}  // namespace ballast::daemon
