#include "cluster/shared_power.h"

#include <algorithm>

#include "executor/power_journal.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
const HostId own_way{};  // by the broker of this member
// One that failed at once is followed by the next one at once. After a longer one whoever ordered it asks again,
// because the host may have come back meanwhile.
constexpr Duration at_once = std::chrono::seconds{5};
constexpr Duration beyond = std::chrono::seconds{20};           // what broker and store take beside the BMC's own time
constexpr Duration unknown_longest = std::chrono::seconds{90};  // as power/client.cc

/// Whoever is to be cut off or asked to go down has this in its power lock [executor/power_switch.h]. What only
/// switches on needs none.
std::optional<Condition> lock_for(const std::string& method, const HostId& host) {
    if (method == "power_on") return std::nullopt;
    const PowerState locked = method == "power_off" ? PowerState::fencing : PowerState::switching_off;
    return Condition{executor::power_lock_key(host), to_string(locked)};
}
}  // namespace

std::optional<PowerHost> SharedPower::host(HostId host) const {
    auto known = own_.host(host);
    if (known || !caller_) return known;
    for (const Broker& broker : others_())
        for (const PowerHost& one : broker.hosts)
            if (one.id == host && broker.member != host) return one;
    return std::nullopt;
}

PowerControl::Task<std::vector<PowerHost>> SharedPower::hosts() {
    auto known = co_await own_.hosts();
    std::map<HostId, PowerHost> all;
    if (known)
        for (const PowerHost& one : *known) all.emplace(one.id, one);
    if (caller_)
        for (const Broker& broker : others_())
            for (const PowerHost& one : broker.hosts)
                if (broker.member != one.id) all.emplace(one.id, one);
    if (!known && all.empty()) co_return known.error();
    std::vector<PowerHost> list;
    for (auto& [id, one] : all) list.push_back(std::move(one));
    co_return list;
}

// Those after the one that failed last come first. Nobody is asked to cut off its own host.
std::vector<HostId> SharedPower::ways_to(const HostId& host) const {
    std::vector<HostId> ways;
    std::vector<Broker> others;
    if (caller_) others = others_();
    for (const Broker& broker : others) {
        const bool knows =
            std::any_of(broker.hosts.begin(), broker.hosts.end(), [&](const PowerHost& one) { return one.id == host; });
        if (knows && broker.member != host) ways.push_back(broker.member);
    }
    if (own_.knows(host) || ways.empty()) ways.insert(ways.begin(), own_way);
    const auto last = failed_last_.find(host);
    if (last == failed_last_.end()) return ways;
    const auto at = std::find(ways.begin(), ways.end(), last->second);
    if (at != ways.end()) std::rotate(ways.begin(), at + 1, ways.end());
    return ways;
}

void SharedPower::failed(const HostId& host, const HostId& way) {
    failed_last_[host] = way;
}

Duration SharedPower::within(const HostId& host) const {
    const auto known = this->host(host);
    return 2 * (known ? known->longest : unknown_longest) + beyond;
}

PowerControl::Task<void> SharedPower::order(const char* method, Order what, HostId host) {
    const Instant begun = clock_.now();
    Result<void> done = Error{ErrorCode::not_found, host.value, "no broker knows a BMC of it"};
    for (const HostId& way : ways_to(host)) {
        done = co_await order_by(way, method, what, host);
        if (done || done.error().code == ErrorCode::refused) co_return done;
        failed(host, way);
        if (clock_.now() - begun > at_once) break;
    }
    co_return done;
}

PowerControl::Task<void> SharedPower::order_by(HostId way, std::string method, Order what, HostId host) {
    if (way == own_way) co_return co_await (own_.*what)(std::move(host));
    const Duration limit = within(host);
    json::object arguments{{"host", host.value}};
    auto locked = lock_for(method, host);
    Result<json::value> answer = json::value();
    if (locked)
        answer = co_await caller_->call_while(std::move(*locked), way, std::move(method), std::move(arguments), limit);
    else
        answer = co_await caller_->call(way, std::move(method), std::move(arguments), true, limit);
    if (answer) co_return Result<void>();
    Error error = answer.error();
    error.message += " (through " + way.value + ")";
    co_return error;
}

PowerControl::Task<json::value> SharedPower::ask(HostId way, std::string method, HostId host) {
    const Duration limit = within(host) / 2;
    json::object arguments{{"host", host.value}};
    auto answer = co_await caller_->call(std::move(way), std::move(method), std::move(arguments), false, limit);
    co_return answer;
}

PowerControl::Task<Power> SharedPower::status(HostId host) {
    Result<Power> power = Error{ErrorCode::not_found, host.value, "no broker knows a BMC of it"};
    for (const HostId& way : ways_to(host)) {
        if (way == own_way) {
            power = co_await own_.status(host);
        } else {
            const auto told = co_await ask(way, "power_status", host);
            if (!told)
                power = told.error();
            else if (*told == "on" || *told == "off")
                power = *told == "on" ? Power::on : Power::off;
            else
                power = Error{ErrorCode::corrupt, way.value, "its answer makes no sense"};
        }
        if (power) co_return power;
        failed(host, way);
    }
    co_return power;
}

PowerControl::Task<std::optional<double>> SharedPower::watts(HostId host) {
    Result<std::optional<double>> watts = Error{ErrorCode::not_found, host.value, "no broker knows a BMC of it"};
    const auto ways = ways_to(host);
    const HostId way = ways.front();  // a figure that is missing now and then is no harm
    if (way == own_way) {
        watts = co_await own_.watts(host);
        co_return watts;
    }
    const auto told = co_await ask(way, "power_watts", host);
    if (!told) co_return told.error();
    if (told->is_number()) co_return std::optional<double>(told->to_number<double>());
    co_return std::optional<double>();
}

}  // namespace ballast::cluster
