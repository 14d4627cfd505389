#include "cluster/remote_hypervisor.h"

#include "cluster/keys.h"
#include "cluster/wire.h"

namespace ballast::cluster {

namespace json = boost::json;
using interchange::to_json;

namespace {
// Events are hints: what none told of is read.
constexpr Duration hosts_read_again = std::chrono::seconds{5};
constexpr Duration hosts_read_again_a_host = std::chrono::milliseconds{15};  // where these are more
// A call takes three commits, one after the other, each some milliseconds on a busy disk: a second for all of them.
constexpr std::size_t hosts_at_a_time = 64;
// Longer than an agent waits for its own libvirt.
constexpr Duration look_within = std::chrono::seconds{20};
constexpr Duration change_within = std::chrono::seconds{60};
constexpr Duration beyond = std::chrono::seconds{10};  // what the way takes, beside what is given for the call itself

HostId host_of(const std::string& key, const char* prefix) {
    return {key.substr(std::string(prefix).size())};
}

// Of a thousand hosts reading takes a while.
Follower::Pace pace_of(std::size_t hosts) {
    const Duration again = std::max(hosts_read_again, hosts_read_again_a_host * static_cast<int>(hosts));
    return {again, again};
}
}  // namespace

RemoteHypervisor::RemoteHypervisor(boost::asio::any_io_executor executor, Clock& clock, Store& store, Caller& caller,
                                   std::vector<HostId> hosts,
                                   std::function<Result<VmFacts>(const std::string& definition)> facts_of)
    : executor_(executor),
      clock_(clock),
      caller_(caller),
      facts_of_(std::move(facts_of)),
      turns_(executor),
      agents_(clock, store, agents_prefix, pace_of(hosts.size()),
              {[this](const KeyValue& entry, Noticed how) { agent_there(entry, how); },
               [this](const std::string& key, Revision) { agent_gone(host_of(key, agents_prefix)); }}),
      events_(clock, store, events_prefix, pace_of(hosts.size()),
              {[this](const KeyValue& entry, Noticed how) { heard_events(entry, how); }}) {
    for (HostId& host : hosts) remotes_[std::move(host)];
}

Hypervisor::Task<void> RemoteHypervisor::start() {
    const auto agents = co_await agents_.read();
    if (!agents) co_return agents.error();
    const auto events = co_await events_.read();
    if (!events) co_return events.error();
    boost::asio::co_spawn(executor_, agents_.run(), boost::asio::detached);
    boost::asio::co_spawn(executor_, events_.run(), boost::asio::detached);
    co_return Result<void>();
}

// A registration that was there from the start is no beat: its agent may be dead, and its lease not over yet.
void RemoteHypervisor::agent_there(const KeyValue& entry, Noticed how) {
    const HostId host = host_of(entry.key, agents_prefix);
    const auto there = remotes_.find(host);
    if (there == remotes_.end()) return;
    Remote& remote = there->second;
    const bool was_registered = std::exchange(remote.registered, true);
    if (how != Noticed::at_first) remote.answered = clock_.now();
    if (was_registered && entry.create_revision == remote.incarnation && entry.value == remote.said) return;  // a beat
    remote.incarnation = entry.create_revision;
    remote.said = entry.value;
    if (auto identity = identity_from(entry.value)) {
        if (identity->boot != remote.identity.boot) remote.ahead.reset();
        remote.identity = std::move(*identity);
        const std::string before = std::exchange(remote.refused, refusal_of(remote.identity));
        if (refused_ && !remote.refused.empty() && remote.refused != before) refused_(host, remote.refused);
    }
    tell_connection(host, remote.refused);
    if (registered_) registered_(host);
}

void RemoteHypervisor::agent_gone(const HostId& host) {
    const auto there = remotes_.find(host);
    if (there == remotes_.end() || !there->second.registered) return;
    there->second.registered = false;
    tell_connection(host, "its agent is not registered any more");
}

// Once for each change, whichever of the two it was: the agent's registration or its libvirt. What was told before that
// registration is of the past; what was told since may be heard first.
void RemoteHypervisor::tell_connection(const HostId& host, const std::string& why) {
    Remote& remote = remotes_[host];
    const bool up = remote.registered && remote.refused.empty() && remote.without_libvirt <= remote.incarnation;
    if (std::exchange(remote.told_up, up) == up) return;
    emit({up ? HypervisorEvent::Kind::connected : HypervisorEvent::Kind::disconnected, host, {}, why});
}

// Those that were there before this term are of the past: what they told of is looked at.
void RemoteHypervisor::heard_events(const KeyValue& entry, Noticed how) {
    const HostId host = host_of(entry.key, events_prefix);
    const auto there = remotes_.find(host);
    if (there == remotes_.end()) return;
    Remote& remote = there->second;
    boost::system::error_code failure;
    const json::value value = json::parse(entry.value, failure);
    if (failure || !value.is_object()) return;
    const json::value* session = value.as_object().if_contains("session");
    const json::value* events = value.as_object().if_contains("events");
    if (!session || !session->is_int64() || !events || !events->is_array()) return;
    if (session->get_int64() < remote.session) return;
    if (session->get_int64() > remote.session) remote.last_event = 0;
    remote.session = session->get_int64();
    for (const json::value& item : events->get_array()) {
        const json::value* number = item.is_object() ? item.get_object().if_contains("number") : nullptr;
        const json::value* told = item.is_object() ? item.get_object().if_contains("event") : nullptr;
        if (!number || !number->is_number() || !told) continue;
        const auto index = number->to_number<std::uint64_t>();
        if (index <= remote.last_event) continue;
        if (how != Noticed::at_first && index > remote.last_event + 1) missed_events(host);
        remote.last_event = index;
        if (how == Noticed::at_first) continue;
        const auto event = read_as<HypervisorEvent>(*told);
        if (!event) continue;
        const bool lost = event->kind == HypervisorEvent::Kind::disconnected;
        if (lost || event->kind == HypervisorEvent::Kind::connected) {
            remote.without_libvirt = lost ? entry.mod_revision : 0;
            tell_connection(host, event->detail);
        } else {
            emit(*event);
        }
    }
}

// As after a connection that was lost for a while: whoever relies on having heard of something does not any more.
void RemoteHypervisor::missed_events(const HostId& host) {
    emit({HypervisorEvent::Kind::disconnected, host, {}, "its agent could not tell of all that happened"});
    if (connection(host) == Connection::up) emit({HypervisorEvent::Kind::connected, host, {}, {}});
}

void RemoteHypervisor::emit(const HypervisorEvent& event) const {
    for (const auto& listener : listeners_) listener(event);
}

std::string RemoteHypervisor::boot_of(const HostId& host) const {
    const auto found = remotes_.find(host);
    return found == remotes_.end() ? "" : found->second.identity.boot;
}

std::optional<Revision> RemoteHypervisor::incarnation_of(const HostId& host) const {
    const auto found = remotes_.find(host);
    if (found == remotes_.end() || !found->second.registered) return std::nullopt;
    return found->second.incarnation;
}

std::vector<HostId> RemoteHypervisor::hosts() const {
    std::vector<HostId> all;
    for (const auto& [host, remote] : remotes_) all.push_back(host);
    return all;
}

Connection RemoteHypervisor::connection(HostId host) const {
    const auto found = remotes_.find(host);
    if (found == remotes_.end() || !agents_.was_read()) return Connection::connecting;
    return found->second.told_up ? Connection::up : Connection::down;
}

bool RemoteHypervisor::is_registered(const HostId& host) const {
    const auto found = remotes_.find(host);
    return found != remotes_.end() && found->second.registered && found->second.refused.empty();
}

std::optional<int> RemoteHypervisor::protocol(const HostId& host) const {
    if (!is_registered(host)) return std::nullopt;
    return common(own_protocols, remotes_.at(host).identity.protocols);
}

std::string RemoteHypervisor::problem(HostId host) const {
    const auto found = remotes_.find(host);
    if (found == remotes_.end() || found->second.told_up) return "";
    const Remote& remote = found->second;
    if (remote.registered && !remote.refused.empty()) return remote.refused;
    return remote.registered ? "its agent has no connection to its libvirt" : "its agent is not registered";
}

std::optional<Instant> RemoteHypervisor::answered_at(HostId host) const {
    const auto found = remotes_.find(host);
    return found == remotes_.end() ? std::nullopt : found->second.answered;
}

void RemoteHypervisor::on_event(std::function<void(const HypervisorEvent&)> listener) {
    // What is connected by now will not connect again.
    boost::asio::post(executor_, [this, listener] {
        for (const auto& [host, remote] : remotes_)
            if (remote.told_up) listener({HypervisorEvent::Kind::connected, host, {}, {}});
    });
    listeners_.push_back(std::move(listener));
}

template <class T>
Hypervisor::Task<T> RemoteHypervisor::look(HostId host, std::string method, json::object arguments) {
    if (!is_registered(host)) co_return Error{ErrorCode::unavailable, host.value, problem(host)};
    const auto answer =
        co_await caller_.call(std::move(host), std::move(method), std::move(arguments), false, look_within);
    if (!answer) co_return answer.error();
    if constexpr (std::is_same_v<T, void>)
        co_return Result<void>();
    else
        co_return read_as<T>(*answer);
}

template <class T>
Hypervisor::Task<T> RemoteHypervisor::look_in_turn(HostId host, std::string method, json::object arguments) {
    VmId place{std::to_string(std::hash<std::string>()(host.value) % hosts_at_a_time)};
    const auto turn = co_await turns_.take(std::move(place));
    co_return co_await look<T>(std::move(host), std::move(method), std::move(arguments));
}

Hypervisor::Task<void> RemoteHypervisor::change(HostId host, std::string method, json::object arguments,
                                                Duration within) {
    if (!is_registered(host)) co_return Error{ErrorCode::unavailable, host.value, problem(host)};
    const auto answer = co_await caller_.call(std::move(host), std::move(method), std::move(arguments), true, within);
    if (!answer) co_return answer.error();
    co_return Result<void>();
}

namespace {
json::object about(const VmId& vm) {
    return {{"vm", vm.value}};
}
}  // namespace

Hypervisor::Task<HostFacts> RemoteHypervisor::facts(HostId host) {
    return look_in_turn<HostFacts>(std::move(host), "facts", {});
}
Hypervisor::Task<HostReading> RemoteHypervisor::read(HostId host) {
    auto reading = co_await look<HostReading>(host, "read", {});
    if (!reading) co_return reading;
    Remote& remote = remotes_[host];
    const Duration ahead = reading->at - clock_.now();
    if (!remote.ahead || ahead > *remote.ahead) remote.ahead = ahead;
    reading->at -= *remote.ahead;
    co_return reading;
}
Hypervisor::Task<VmFacts> RemoteHypervisor::vm_facts(HostId host, VmId vm) {
    return look_in_turn<VmFacts>(std::move(host), "vm_facts", about(vm));
}
Hypervisor::Task<Presence> RemoteHypervisor::presence(HostId host, VmId vm) {
    return look<Presence>(std::move(host), "presence", about(vm));
}
Hypervisor::Task<std::string> RemoteHypervisor::definition(HostId host, VmId vm) {
    return look_in_turn<std::string>(std::move(host), "definition", about(vm));
}
Hypervisor::Task<void> RemoteHypervisor::start(StartRequest request) {
    const Duration within = request.give_up_after + beyond;
    json::object order = to_json(request).as_object();
    if (const auto spoken = protocol(request.on); spoken && *spoken < knows_at_home) order.erase("at_home");
    return change(request.on, "start", std::move(order), within);
}
Hypervisor::Task<void> RemoteHypervisor::create_image(HostId host, DiskCopy disk) {
    return change(std::move(host), "create_image", to_json(disk).as_object(), change_within);
}
Hypervisor::Task<void> RemoteHypervisor::remove_image(HostId host, std::string file) {
    return change(std::move(host), "remove_image", {{"file", std::move(file)}}, change_within);
}
Hypervisor::Task<std::string> RemoteHypervisor::migratable_definition(HostId source, VmId vm) {
    return look<std::string>(std::move(source), "migratable_definition", about(vm));
}
Hypervisor::Task<void> RemoteHypervisor::can_accept(MigrationRequest request, std::string definition) {
    json::object arguments{{"request", to_json(request)}, {"definition", std::move(definition)}};
    return look<void>(request.to, "can_accept", std::move(arguments));
}
Hypervisor::Task<void> RemoteHypervisor::migrate(MigrationRequest request) {
    const Duration within = request.give_up_after + beyond;
    json::object order = to_json(request).as_object();
    if (const auto spoken = protocol(request.from); spoken && *spoken < knows_compression) {
        if (!request.compression.empty() || request.resume_post_copy)
            co_return Error{ErrorCode::refused, request.from.value,
                            "its daemon is of an older version, which knows neither compression nor how to resume "
                            "post-copy: upgrade it"};
        order.erase("compression");
        order.erase("resume_post_copy");
    }
    co_return co_await change(request.from, "migrate", std::move(order), within);
}
Hypervisor::Task<MigrationProgress> RemoteHypervisor::progress(HostId host, VmId vm) {
    return look<MigrationProgress>(std::move(host), "progress", about(vm));
}
Hypervisor::Task<MigrationProgress> RemoteHypervisor::completed(HostId host, VmId vm) {
    return look<MigrationProgress>(std::move(host), "completed", about(vm));
}
Hypervisor::Task<void> RemoteHypervisor::abort_migration(HostId source, VmId vm) {
    return change(std::move(source), "abort", about(vm), change_within);
}
Hypervisor::Task<void> RemoteHypervisor::set_max_downtime(HostId source, VmId vm, Duration downtime) {
    json::object arguments = about(vm);
    arguments["downtime_ms"] = downtime.count();
    return change(std::move(source), "set_max_downtime", std::move(arguments), look_within);
}
Hypervisor::Task<void> RemoteHypervisor::start_post_copy(HostId source, VmId vm) {
    return change(std::move(source), "start_post_copy", about(vm), look_within);
}
Hypervisor::Task<void> RemoteHypervisor::resume(HostId host, VmId vm) {
    return change(std::move(host), "resume", about(vm), change_within);
}
Hypervisor::Task<void> RemoteHypervisor::destroy(HostId host, VmId vm) {
    return change(std::move(host), "destroy", about(vm), change_within);
}
Hypervisor::Task<void> RemoteHypervisor::undefine(HostId host, VmId vm) {
    return change(std::move(host), "undefine", about(vm), change_within);
}
Hypervisor::Task<void> RemoteHypervisor::set_autostart(HostId host, VmId vm, bool autostart) {
    json::object arguments = about(vm);
    arguments["autostart"] = autostart;
    return change(std::move(host), "set_autostart", std::move(arguments), change_within);
}

}  // namespace ballast::cluster
