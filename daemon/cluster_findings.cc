#include "daemon/cluster_findings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace ballast::daemon {

namespace {

// Three times what a member needs at most to tell.
constexpr Duration longest_silence = 3 * cluster::findings_at_least;
constexpr Duration look_every = std::chrono::seconds{10};
// What the probe of one daemon says of others' clocks as well [daemon/health_record.cc].
constexpr double most_skew_s = 1;
// Findings may be late, never early: a clock is behind only if it was in all of the last ones.
constexpr std::size_t clocks_kept = 3;

double seconds_of(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// What is certain of the difference: nothing, unless all of the last findings say so.
double skew_of(const std::deque<double>& ahead_s) {
    if (ahead_s.empty()) return 0;
    const double most = *std::max_element(ahead_s.begin(), ahead_s.end());
    if (most > 0) return ahead_s.back() > 0 ? ahead_s.back() : 0;
    return ahead_s.size() < clocks_kept ? 0 : most;
}

std::string clock_text(double skew) {
    char text[64];
    std::snprintf(text, sizeof text, "its clock is %.0f s %s the leader's", std::abs(skew),
                  skew > 0 ? "ahead of" : "behind");
    return text;
}

}  // namespace

ClusterFindings::ClusterFindings(boost::asio::any_io_executor executor, Clock& clock, Store& store,
                                 std::vector<HostId> hosts, HostId own, FindingsListener listener)
    : executor_(executor),
      clock_(clock),
      listener_(std::move(listener)),
      own_(std::move(own)),
      reader_(clock, store, [this](const HostId& host, const cluster::Told& told) { heard(host, told); }) {
    for (HostId& host : hosts) members_[std::move(host)];
}

void ClusterFindings::start() {
    for (auto& [host, member] : members_) member.told_at = clock_.now();
    boost::asio::co_spawn(executor_, reader_.run(), boost::asio::detached);
    boost::asio::co_spawn(executor_, watch_silence(), boost::asio::detached);
}

void ClusterFindings::heard(const HostId& host, const cluster::Told& told) {
    const auto found = members_.find(host);
    if (found == members_.end()) return;
    Member& member = found->second;
    member.findings = findings_from(told.findings);
    member.told_at = told.at;
    member.silent = false;
    if (told.prompt && member.findings.time_s) {
        member.ahead_s.push_back(*member.findings.time_s - seconds_of(clock_.wall_now()));
        if (member.ahead_s.size() > clocks_kept) member.ahead_s.pop_front();
    }
    // What stood in the store before this leader is of the past, its boot included.
    if (std::exchange(member.heard, true) || told.prompt) listener_.reported(host, member.findings.report);
    tell(host, member);
    compare_configurations();
}

void ClusterFindings::compare_configurations() {
    const auto leader = members_.find(own_);
    const std::string wanted = leader == members_.end() ? "" : leader->second.findings.configuration;
    std::vector<HostId> differ;
    for (const auto& [host, member] : members_) {
        const std::string& has = member.findings.configuration;
        if (!wanted.empty() && !has.empty() && has != wanted) differ.push_back(host);
    }
    if (differ == differ_) return;
    differ_ = std::move(differ);
    listener_.differ(differ_);
}

void ClusterFindings::seen_here(const HostId& host, std::vector<HealthProblem> problems) {
    const auto found = members_.find(host);
    if (found == members_.end()) return;
    found->second.seen_here = std::move(problems);
    tell(host, found->second);
}

std::vector<cluster::Broker> ClusterFindings::brokers() const {
    std::vector<cluster::Broker> brokers;
    for (const auto& [host, member] : members_)
        if (member.heard && !member.silent && !member.findings.power.empty() && listener_.answers(host))
            brokers.push_back({host, member.findings.power});
    return brokers;
}

boost::asio::awaitable<void> ClusterFindings::watch_silence() {
    for (;;) {
        co_await clock_.sleep_for(look_every);
        for (auto& [host, member] : members_) {
            if (!listener_.answers(host)) {
                member.told_at = clock_.now();  // it begins to tell once it is back
                continue;
            }
            member.silent = clock_.now() - member.told_at >= longest_silence;
            tell(host, member);
        }
    }
}

std::vector<HealthProblem> ClusterFindings::judged(const Member& member) const {
    std::vector<HealthProblem> found;
    if (member.silent)
        found.push_back({HealthSource::unread, "findings",
                         "its daemon has not told how it is for more than " + to_string(longest_silence)});
    const double skew = skew_of(member.ahead_s);
    if (std::abs(skew) > most_skew_s) found.push_back({HealthSource::clock, "skew", clock_text(skew)});
    return found;
}

void ClusterFindings::tell(const HostId& host, Member& member) {
    auto now = together({member.findings.problems, member.seen_here, judged(member)});
    if (now == member.told) return;
    member.told = std::move(now);
    listener_.changed(host, member.told);
}

}  // namespace ballast::daemon
