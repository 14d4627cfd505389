#include "power/broker.h"

#include <boost/algorithm/string/trim.hpp>
#include <boost/asio.hpp>
#include <spdlog/spdlog.h>

#include "power/ipmi.h"
#include "power/wake.h"

namespace ballast::power {

namespace {

// A Python agent takes 30 MiB: what the unit's MemoryMax bounds. Switching never waits for readings.
constexpr std::size_t switching_at_once = 16, readings_at_once = 8;
// More changes of one host than its last few orders make no sense; readings come once a minute from each host.
constexpr std::size_t changes_waiting = 4, switching_waiting = 256, readings_waiting = 1024;
// Between two readings that have to agree: a BMC's own cache must have had the chance to change its mind.
constexpr Duration between_readings = std::chrono::milliseconds{300};
constexpr int readings_in_a_row = 2;  // safety.md, protocol 8

Error too_much(const HostId& host) {
    return {ErrorCode::refused, host.value, "too much is waiting already"};
}

Error cannot(const HostId& host, const std::string& what) {
    return {ErrorCode::invalid, host.value, what};
}

/// Failures of the levels, as one.
class Failures {
public:
    void add(std::size_t level, const std::string& agent, const Error& error) {
        text_ +=
            (text_.empty() ? "" : "; ") + ("level " + std::to_string(level) + " (" + agent + "): ") + error.message;
        if (code_ != ErrorCode::timed_out) code_ = error.code;
    }
    Error of(const HostId& host) const { return {code_, host.value, text_}; }

private:
    ErrorCode code_ = ErrorCode::unavailable;
    std::string text_;
};

std::string names_of(const std::map<std::string, double>& sensors) {
    std::string names;
    for (const auto& [name, watts] : sensors) names += (names.empty() ? "" : ", ") + name;
    return names;
}

PowerHost abilities(const HostPower& host) {
    PowerHost can;
    can.id = host.id;
    can.switches = !host.levels.empty();
    can.soft = host.ipmi_level() != nullptr;
    can.wakes = host.wake_on_lan.has_value();
    can.measures = host.reading != "none";
    can.longest = host.longest();
    return can;
}

}  // namespace

Broker::Broker(Clock& clock, Children& children, Tools tools, PowerFile file)
    : clock_(clock),
      children_(children),
      tools_(std::move(tools)),
      file_(std::make_shared<const PowerFile>(std::move(file))),
      switching_(switching_at_once, switching_waiting),
      reading_(readings_at_once, readings_waiting) {}

void Broker::replace(PowerFile file) {
    file_ = std::make_shared<const PowerFile>(std::move(file));
    std::erase_if(changes_, [this](const auto& entry) { return !file_->find(entry.first) && entry.second.idle(); });
}

Broker::Task<std::vector<PowerHost>> Broker::hosts() {
    std::vector<PowerHost> all;
    for (const HostPower& host : file_->hosts) all.push_back(abilities(host));
    std::sort(all.begin(), all.end(), [](const PowerHost& a, const PowerHost& b) { return a.id < b.id; });
    co_return all;
}

std::optional<PowerHost> Broker::host(HostId host) const {
    const HostPower* found = file_->find(host);
    return found ? std::optional(abilities(*found)) : std::nullopt;
}

Broker::Task<Power> Broker::status(HostId id) {
    auto host = find(id);
    if (!host) co_return host.error();
    if (host->levels.empty()) co_return cannot(id, "has no BMC that could say");
    const auto place = co_await reading_.enter();
    if (!place) co_return too_much(id);
    co_return co_await ask_levels(std::move(*host));
}

Broker::Task<void> Broker::switch_off(HostId host) {
    return switch_to(std::move(host), Power::off);
}

Broker::Task<void> Broker::switch_on(HostId host) {
    return switch_to(std::move(host), Power::on);
}

Broker::Task<void> Broker::switch_to(HostId id, Power wanted) {
    if (!file_->find(id)) co_return find(id).error();
    const auto turn = co_await changes_of(id).enter();
    if (!turn) co_return too_much(id);
    const auto place = co_await switching_.enter();
    if (!place) co_return too_much(id);
    auto host = find(id);  // only now: the file may have been replaced meanwhile
    if (!host) co_return host.error();
    co_return co_await by_levels(std::move(*host), wanted);
}

Broker::Task<void> Broker::by_levels(HostPower host, Power wanted) {
    if (host.levels.empty() && (wanted == Power::off || !host.wake_on_lan))
        co_return cannot(host.id, "has no BMC to switch it " + to_string(wanted));
    Failures failures;
    for (std::size_t at = 0; at < host.levels.size(); ++at) {
        const Level& level = host.levels[at];
        const Instant begun = clock_.now();
        const auto done = co_await by_level(level, wanted);
        spdlog::log(done ? spdlog::level::info : spdlog::level::warn, "{}: {} by level {} ({}): {} in {}",
                    host.id.value, to_string(wanted), at + 1, level.agent, done ? "verified" : done.error().message,
                    to_string(clock_.now() - begun));
        if (done) co_return Result<void>();
        failures.add(at + 1, level.agent, done.error());
    }
    if (wanted == Power::off || !host.wake_on_lan) co_return failures.of(host.id);
    const auto woken = co_await by_wake_on_lan(host);
    spdlog::log(woken ? spdlog::level::info : spdlog::level::warn, "{}: on by Wake-on-LAN: {}", host.id.value,
                !woken                ? woken.error().message
                : host.levels.empty() ? "packets sent"
                                      : "verified");
    if (woken) co_return Result<void>();
    failures.add(host.levels.size() + 1, "Wake-on-LAN", woken.error());
    co_return failures.of(host.id);
}

// The order's own result is not believed: a BMC may say yes and do nothing, or no because the host is off already.
Broker::Task<void> Broker::by_level(Level level, Power wanted) {
    const Action action = wanted == Power::off ? Action::off : Action::on;
    const auto ordered = co_await run_agent(children_, tools_, level, action, level.timeout);
    if (!ordered) co_return ordered.error();
    if (!ordered->in_time)
        co_return Error{ErrorCode::timed_out, level.agent,
                        "did not end within " + ballast::to_string(level.timeout) + " and was killed"};
    const bool accepted = ordered->exit_code == 0;
    const auto verified = co_await verify(level, wanted, accepted);
    if (verified || accepted) co_return verified;
    const std::string complaint = complaint_of(*ordered, level);
    co_return Error{verified.error().code, level.agent, complaint + "; " + verified.error().message};
}

/// `patient`: the order was accepted, so that a change is still to be hoped for.
Broker::Task<void> Broker::verify(Level level, Power wanted, bool patient) {
    const Instant deadline = clock_.now() + level.timeout;
    std::string seen;
    for (int in_a_row = 0; clock_.now() < deadline;) {
        const auto power = co_await ask(level, deadline - clock_.now());
        const bool right = power && *power == wanted;
        in_a_row = right ? in_a_row + 1 : 0;
        if (in_a_row == readings_in_a_row) co_return Result<void>();
        // One that the end of the time cuts short says less than the one before.
        const bool says_more = power || seen.empty() || power.error().code != ErrorCode::timed_out;
        if (!right && says_more) seen = power ? "status says " + to_string(*power) : power.error().message;
        if (!right && !patient) co_return Error{ErrorCode::unavailable, level.agent, seen};
        co_await clock_.sleep_for(between_readings);
    }
    if (seen.empty()) seen = "no second status in time";
    co_return Error{ErrorCode::timed_out, level.agent,
                    "not verified within " + ballast::to_string(level.timeout) + ": " + seen};
}

Broker::Task<Power> Broker::ask(Level level, Duration deadline) {
    const auto ended = co_await run_agent(children_, tools_, level, Action::status, deadline);
    if (!ended) co_return ended.error();
    co_return power_from(*ended, level);
}

Broker::Task<Power> Broker::ask_levels(HostPower host) {
    Failures failures;
    for (std::size_t at = 0; at < host.levels.size(); ++at) {
        const Level& level = host.levels[at];
        const auto power = co_await ask(level, level.timeout);
        if (power) co_return power;
        failures.add(at + 1, level.agent, power.error());
    }
    co_return failures.of(host.id);
}

Broker::Task<void> Broker::by_wake_on_lan(HostPower host) {
    if (const auto sent = send_magic_packets(*host.wake_on_lan); !sent) co_return sent.error();
    if (host.levels.empty()) co_return Result<void>();  // nobody to ask: the daemon looks for the host itself
    const Instant deadline = clock_.now() + time_to_wake;
    for (int in_a_row = 0; clock_.now() < deadline;) {
        const auto power = co_await ask_levels(host);
        in_a_row = power && *power == Power::on ? in_a_row + 1 : 0;
        if (in_a_row == readings_in_a_row) co_return Result<void>();
        co_await clock_.sleep_for(between_readings);
    }
    co_return Error{ErrorCode::timed_out, host.id.value, "packets sent, but no status says on"};
}

Broker::Task<void> Broker::shut_down_softly(HostId id) {
    if (!file_->find(id)) co_return find(id).error();
    const auto turn = co_await changes_of(id).enter();
    if (!turn) co_return too_much(id);
    const auto place = co_await switching_.enter();
    if (!place) co_return too_much(id);
    const auto host = find(id);
    if (!host) co_return host.error();
    const Level* level = host->ipmi_level();
    if (!level) co_return cannot(id, "has no IPMI level, which the power button needs");
    const std::vector<std::string> words = {"chassis", "power", "soft"};
    const auto pressed = co_await ipmi(*level, words);
    spdlog::log(pressed ? spdlog::level::info : spdlog::level::warn, "{}: power button by ipmitool: {}", id.value,
                pressed ? "accepted" : pressed.error().message);
    if (!pressed) co_return Error{pressed.error().code, id.value, pressed.error().message};
    co_return Result<void>();
}

Broker::Task<std::optional<double>> Broker::watts(HostId id) {
    const auto host = find(id);
    if (!host) co_return host.error();
    if (host->reading == "none") co_return std::optional<double>();
    const auto place = co_await reading_.enter();
    if (!place) co_return too_much(id);
    const Level level = *host->ipmi_level();
    const std::string name = host->sensor;
    if (!name.empty()) co_return co_await sensor(level, name);
    const std::vector<std::string> words = {"dcmi", "power", "reading"};
    const auto dcmi = co_await ipmi(level, words);
    if (dcmi)
        if (const auto watts = dcmi_watts(*dcmi)) co_return watts;
    if (!dcmi && dcmi.error().code == ErrorCode::timed_out) co_return dcmi.error();
    co_return co_await sensor(level, name);
}

/// The sensor of this name; without one, the only sensor of the unit Watts.
Broker::Task<std::optional<double>> Broker::sensor(Level level, std::string name) {
    const std::vector<std::string> words = {"-c", "sdr", "list", "full"};
    const auto listed = co_await ipmi(level, words);
    if (!listed) co_return listed.error();
    const auto sensors = sensor_watts(*listed);
    const auto found = name.empty() && sensors.size() == 1 ? sensors.begin() : sensors.find(name);
    if (found != sensors.end()) co_return std::optional(found->second);
    if (sensors.empty() && name.empty()) co_return std::optional<double>();
    co_return Error{ErrorCode::invalid, level.agent, "which `sensor`? There are: " + names_of(sensors)};
}

Broker::Task<std::string> Broker::ipmi(Level level, std::vector<std::string> words) {
    auto command = ipmitool(level, tools_, std::move(words));
    const auto ended = co_await children_.run(std::move(command));
    if (!ended) co_return ended.error();
    if (!ended->in_time)
        co_return Error{ErrorCode::timed_out, level.agent, "ipmitool did not end in time and was killed"};
    if (ended->exit_code != 0) co_return Error{ErrorCode::unavailable, level.agent, complaint_of(*ended, level)};
    co_return ended->output;
}

Broker::Task<std::vector<Probe>> Broker::probe(HostId id) {
    const auto host = find(id);
    if (!host) co_return host.error();
    std::vector<Probe> probes;
    for (const Level& level : host->levels) {
        const Instant begun = clock_.now();
        auto power = co_await ask(level, level.timeout);
        const Duration took = clock_.now() - begun;
        probes.push_back(Probe{level.agent, std::move(power), took});
    }
    co_return probes;
}

Result<HostPower> Broker::find(const HostId& id) const {
    if (const HostPower* found = file_->find(id)) return *found;
    return Error{ErrorCode::not_found, id.value, "is not in power.yaml"};
}

Gate& Broker::changes_of(const HostId& host) {
    return changes_.try_emplace(host, 1, changes_waiting).first->second;
}

}  // namespace ballast::power
