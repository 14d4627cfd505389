#include "daemon/cluster_member.h"

#include <algorithm>
#include <fstream>
#include <spdlog/spdlog.h>

#include "cluster/keys.h"
#include "cluster/left_keys.h"
#include "config/uri.h"
#include "daemon/findings_json.h"
#include "daemon/open_store.h"
#include "daemon/store_archive.h"

namespace ballast::daemon {

namespace {
// Longer than GET /v1/watch waits for a change.
constexpr Duration reply_within = std::chrono::seconds{35};
constexpr Duration preflight_within = std::chrono::seconds{55};  // a little less than ballastctl waits
constexpr Duration member_reply_within = std::chrono::seconds{10};
constexpr Duration answer_takes = std::chrono::milliseconds{200};  // to whoever asked, through the store

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string address_of(const config::HostOptions& host) {
    return host.peer_uri.value_or(host.uri);
}

std::vector<HostId> ids_of(const config::DaemonOptions& options) {
    std::vector<HostId> ids;
    for (const config::HostOptions& host : options.hosts) ids.push_back(host.id);
    return ids;
}

json::value to_json(const std::string& method, const std::string& target, const std::string& body,
                    const Caller& caller) {
    return json::object{{"method", method},
                        {"target", target},
                        {"body", body},
                        {"uid", caller.peer.uid},
                        {"pid", caller.peer.pid},
                        {"user", caller.user},
                        {"role", to_string(caller.role)}};
}

Role role_from(const std::string& name) {
    for (const Role role : {Role::viewer, Role::admin})
        if (to_string(role) == name) return role;
    return Role::none;
}
}  // namespace

cluster::AgentIdentity identity_on(const HostId& own) {
    return {own.value, first_line("/etc/machine-id"), first_line("/proc/sys/kernel/random/boot_id"), BALLAST_VERSION};
}

std::optional<HostId> own_host(const config::DaemonOptions& options, const std::string& hostname) {
    for (const config::HostOptions& host : options.hosts)
        if (host.id.value == hostname) return host.id;
    return std::nullopt;
}

config::DaemonOptions seen_from(config::DaemonOptions options, const HostId& own) {
    for (config::HostOptions& host : options.hosts) {
        const std::string address = address_of(host);
        host.uri = host.id == own ? "qemu:///system" : address;
        host.peer_uri = address;
    }
    return options;
}

namespace {

Findings findings_of(const std::vector<KeyValue>& entries, const HostId& host) {
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& one) { return one.key == cluster::findings_key(host); });
    if (entry == entries.end()) return {};
    boost::system::error_code failure;
    const json::value value = json::parse(entry->value, failure);
    return !failure && value.is_object() ? findings_from(value.get_object()) : Findings{};
}

// What its registration says; nothing of it: there is none, or it cannot be read.
json::object member_of(const HostId& host, bool configured, const KeyValue* agent) {
    json::object member{{"host", host.value}, {"configured", configured}, {"registered", agent != nullptr}};
    member["incarnation"] = agent ? json::value(agent->create_revision) : json::value();
    if (!agent) return member;
    const auto identity = cluster::identity_from(agent->value);
    if (!identity) {
        member["problem"] = "its registration cannot be read: " + identity.error().message;
        return member;
    }
    member["boot"] = identity->boot;
    member["version"] = identity->version;
    member["protocol"] = identity->protocols.newest;
    member["oldest_protocol"] = identity->protocols.oldest;
    const bool dated = identity->since != WallTime{};
    member["since"] = dated ? json::value(ballast::to_string(identity->since)) : json::value();
    const std::string refusal = cluster::refusal_of(*identity);
    if (!refusal.empty()) member["problem"] = refusal;
    return member;
}

}  // namespace

json::object describe_cluster(const HostId& own, const std::vector<HostId>& hosts,
                              const std::optional<KeyValue>& leader, const std::vector<KeyValue>& agents,
                              const std::vector<KeyValue>& findings) {
    const std::string wanted = leader ? findings_of(findings, {leader->value}).configuration : "";
    std::map<HostId, const KeyValue*> there;
    for (const KeyValue& agent : agents) there[{agent.key.substr(std::string(cluster::agents_prefix).size())}] = &agent;
    json::array members;
    for (const HostId& host : hosts) {
        const auto found = there.find(host);
        json::object member = member_of(host, true, found == there.end() ? nullptr : found->second);
        const std::string told = findings_of(findings, host).configuration;
        const bool comparable = !wanted.empty() && !told.empty();
        member["configuration_is_leaders"] = comparable ? json::value(told == wanted) : json::value();
        members.push_back(std::move(member));
        if (found != there.end()) there.erase(found);
    }
    for (const auto& [host, agent] : there) members.push_back(member_of(host, false, agent));
    return {{"member", own.value},
            {"leader", leader ? json::value(leader->value) : json::value()},
            {"term", leader ? json::value(leader->create_revision) : json::value()},
            {"members", std::move(members)}};
}

ClusterMember::ClusterMember(boost::asio::any_io_executor executor, Clock& clock, Store& store, Hypervisor& libvirt,
                             PowerControl& broker, const config::DaemonOptions& options, HostId own,
                             std::function<Leading(LeaderParts)> lead, std::function<void()> over)
    : executor_(executor),
      clock_(clock),
      store_(store),
      libvirt_(libvirt),
      options_(options),
      own_(own),
      lead_(std::move(lead)),
      over_(std::move(over)),
      power_(clock, broker),
      agent_(executor, clock, libvirt, store, own, identity_on(own), options.cluster.time_to_live,
             [this, own](const std::string& problem) {
                 if (!problem.empty())
                     return spdlog::warn("{}: not registered with the cluster: {}", own.value, problem);
                 spdlog::info("{}: registered with the cluster", own.value);
                 reporter_.registered();
             }),
      reporter_(executor, clock, libvirt, store, {own, options.interval, options.proc_path},
                [this] { return agent_.incarnation(); }),
      election_(executor, clock, store, own.value, options.cluster.time_to_live),
      requests_(executor, clock, store, own.value),
      api_(
          executor,
          [this](std::string method, std::string target, std::string body, Caller caller) {
              return answer(std::move(method), std::move(target), std::move(body), std::move(caller));
          },
          api_options(options)),
      evacuation_([this](json::value request) { return ask_leader(std::move(request)); }) {}

Result<void> ClusterMember::start() {
    if (const auto listening = api_.start(); !listening) return listening;
    agent_.serve(cluster::power_calls, [this](cluster::Call call, cluster::Claim claim) {
        return power_.handle(std::move(call), std::move(claim));
    });
    agent_.start();
    reporter_.start();
    boost::asio::co_spawn(executor_, live(), boost::asio::detached);
    return {};
}

boost::asio::awaitable<void> ClusterMember::live() {
    const Revision term = co_await election_.win();
    spdlog::info("leads the cluster, term {}", term);
    auto parts = co_await take_over(term);
    if (parts) {
        leading_ = lead_(std::move(*parts));
        boost::asio::co_spawn(executor_, desk_->run(), boost::asio::detached);
        boost::asio::co_spawn(executor_, look_for_outage(), boost::asio::detached);
        co_await election_.keep();
        spdlog::warn("term {} is over: this process ends and is started anew", term);
    } else {
        spdlog::error("cannot lead: {}", to_string(parts.error()));
    }
    over_();
}

// Whoever lost the store registers anew at the next beat, and nobody is cut off within that time.
boost::asio::awaitable<void> ClusterMember::look_for_outage() {
    co_await clock_.sleep_for(cluster::registered_anew_within);
    const bool outage =
        co_await cluster::most_registered_lately(store_, clock_.wall_now(), options_.cluster.time_to_live);
    if (!outage || !leading_ || !leading_->begin_calm) co_return;
    spdlog::info("most members have only just registered: nobody is cut off for half a minute");
    leading_->begin_calm();
}

boost::asio::awaitable<Result<LeaderParts>> ClusterMember::take_over(Revision term) {
    LeaderParts parts;
    parts.store = std::make_unique<cluster::TermStore>(store_, term, [this, term] {
        spdlog::warn("term {} is over, another member leads: this process ends and is started anew", term);
        over_();
    });
    caller_ = std::make_unique<cluster::Caller>(executor_, clock_, *parts.store, term);
    const auto started = co_await caller_->start();
    if (!started) co_return started.error();
    const auto erased = co_await cluster::erase_left_keys(*parts.store, ids_of(options_));
    if (!erased) spdlog::warn("what hosts that are configured no more have left: {}", to_string(erased.error()));
    auto facts_of = [this](const std::string& definition) { return libvirt_.facts_of(definition); };
    auto remote = std::make_unique<cluster::RemoteHypervisor>(executor_, clock_, *parts.store, *caller_,
                                                              ids_of(options_), std::move(facts_of));
    remote->on_refused([](const HostId& host, const std::string& why) {
        spdlog::error("{}: is asked for nothing: {}", host.value, why);
    });
    const auto following = co_await remote->start();
    if (!following) co_return following.error();
    reports_ = std::make_unique<cluster::Reports>(executor_, clock_, *parts.store, *remote, options_.interval);
    parts.samples = [this](collectors::SamplerListener listener) { reports_->start(std::move(listener)); };
    parts.hypervisor = std::move(remote);
    parts.leads = [this] { return election_.term().has_value(); };
    parts.caller = caller_.get();
    desk_ = std::make_unique<cluster::Desk>(
        executor_, clock_, *parts.store, [this](json::value request) { return answer_elsewhere(std::move(request)); });
    co_return parts;
}

boost::asio::awaitable<void> ClusterMember::resign() {
    if (leading_ && leading_->write_last) co_await leading_->write_last();
    const auto resigned = co_await election_.resign();
    if (!resigned) spdlog::warn("could not resign: {}", to_string(resigned.error()));
}

boost::asio::awaitable<Reply> ClusterMember::answer(std::string method, std::string target, std::string body,
                                                    Caller caller) {
    if (caller.role == Role::none) co_return forbidden(caller);  // nothing of it goes into the store
    if (method == "GET" && target == "/v1/cluster") {
        auto described = co_await describe();
        co_return described;
    }
    if (method == "GET" && target == "/v1/store/backup") {  // any member's own: it is too large to be handed on
        auto backup = co_await back_up(std::move(caller));
        co_return backup;
    }
    if (leading_) {
        auto reply =
            co_await answer_as_leader(std::move(method), std::move(target), std::move(body), std::move(caller));
        co_return reply;
    }
    caller.user += "@" + own_.value;
    json::value request = to_json(method, target, body, caller);
    const Duration within = target.starts_with("/v1/preflight") ? preflight_within : reply_within;
    auto told = co_await requests_.ask(std::move(request), within);
    if (!told) co_return failure(told.error());
    json::object* fields = told->if_object();
    const json::value* status = fields ? fields->if_contains("status") : nullptr;
    json::value* reply = fields ? fields->if_contains("body") : nullptr;
    if (!status || !status->is_int64() || !reply)
        co_return failure(503, "unavailable", "leader", "its reply is too large for the store: ask there");
    co_return Reply{static_cast<unsigned>(status->get_int64()), std::move(*reply), {}};
}

boost::asio::awaitable<Reply> ClusterMember::answer_as_leader(std::string method, std::string target, std::string body,
                                                              Caller caller) {
    if (method == "POST" && target == "/v1/cluster/transfer") co_return hand_over(caller);
    auto reply = co_await leading_->answer(std::move(method), std::move(target), std::move(body), std::move(caller));
    co_return reply;
}

boost::asio::awaitable<Reply> ClusterMember::back_up(Caller caller) {
    if (caller.role != Role::admin) co_return forbidden(caller);
    std::string name = name_of_store(options_);
    const WallTime now = clock_.wall_now();
    auto backup = co_await backup_as_json(store_, std::move(name), now);
    if (!backup) co_return failure(backup.error());
    Reply reply;
    reply.body = std::move(*backup);
    co_return reply;
}

// The answer goes out before the lead does.
Reply ClusterMember::hand_over(const Caller& caller) {
    if (caller.role != Role::admin) return forbidden(caller);
    spdlog::info("audit: uid={} user={} verb=transfer-leader outcome=ok", caller.peer.uid, caller.user);
    boost::asio::co_spawn(executor_, leave_the_lead(), boost::asio::detached);
    return {200, json::object{{"leader_was", own_.value}}, {}};
}

boost::asio::awaitable<void> ClusterMember::leave_the_lead() {
    co_await clock_.sleep_for(answer_takes);
    co_await resign();
    over_();
}

boost::asio::awaitable<Reply> ClusterMember::describe() {
    std::string key = cluster::leader_key;
    const auto leader = co_await store_.get(std::move(key));
    if (!leader) co_return failure(leader.error());
    std::string prefix = cluster::agents_prefix;
    const auto agents = co_await store_.list(std::move(prefix));
    if (!agents) co_return failure(agents.error());
    prefix = cluster::findings_prefix;
    const auto findings = co_await store_.list(std::move(prefix));
    if (!findings) co_return failure(findings.error());
    co_return Reply{200, describe_cluster(own_, ids_of(options_), *leader, *agents, *findings), {}};
}

// As a member, whoever leads.
boost::asio::awaitable<Result<json::value>> ClusterMember::ask_leader(json::value request) {
    if (leading_) {
        auto answer = co_await answer_member(*leading_->evacuation, std::move(request));
        co_return answer;
    }
    auto reply = co_await requests_.ask(std::move(request), member_reply_within);
    co_return reply;
}

boost::asio::awaitable<json::value> ClusterMember::answer_elsewhere(json::value request) {
    if (is_about_shutdown(request)) {
        auto answer = co_await answer_member(*leading_->evacuation, std::move(request));
        co_return answer;
    }
    try {
        const json::object& fields = request.as_object();
        const auto text = [&](const char* key) { return std::string(fields.at(key).as_string()); };
        Caller caller;
        caller.peer.uid = fields.at("uid").to_number<uid_t>();
        caller.peer.pid = fields.at("pid").to_number<pid_t>();
        caller.user = text("user");
        caller.role = role_from(text("role"));
        std::string method = text("method"), target = text("target"), body = text("body");
        Reply reply =
            co_await answer_as_leader(std::move(method), std::move(target), std::move(body), std::move(caller));
        const auto status = static_cast<std::int64_t>(reply.status);
        co_return json::object{{"status", status}, {"body", std::move(reply.body)}};
    } catch (const std::exception& error) {
        co_return json::object{{"status", 400}, {"body", json::object{{"error", error.what()}}}};
    }
}

}  // namespace ballast::daemon
