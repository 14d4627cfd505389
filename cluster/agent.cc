#include "cluster/agent.h"

#include "cluster/keys.h"
#include "cluster/wire.h"
#include "executor/power_journal.h"

namespace ballast::cluster {

namespace json = boost::json;
using interchange::to_json;

namespace {
// Whoever missed more of them looks at everything anyway.
constexpr std::size_t events_kept = 50;
constexpr Duration gather = std::chrono::milliseconds{50};
constexpr Duration tell_again = std::chrono::seconds{1};

std::string text_of(const json::object& arguments, const char* key) {
    const json::value* found = arguments.if_contains(key);
    return found && found->is_string() ? found->get_string().c_str() : "";
}

Duration duration_of(const json::object& arguments, const char* key) {
    const json::value* found = arguments.if_contains(key);
    return Duration(found && found->is_int64() ? found->get_int64() : 0);
}

template <class T>
Answer answered(const Result<T>& result) {
    if (!result) return result.error();
    if constexpr (std::is_same_v<T, void>)
        return json::value();
    else
        return to_json(*result);
}

Error unknown(const Call& call) {
    return {ErrorCode::invalid, call.method, "this agent knows no such call: is it of an older version?"};
}

Error not_claimed(const HostId& host) {
    return {ErrorCode::unavailable, host.value,
            "not begun: the leader, the registration or the target's power has changed"};
}
}  // namespace

boost::asio::awaitable<Turns::Turn> Turns::take(VmId vm) {
    const auto there = waiting_.find(vm);
    if (there == waiting_.end()) {
        waiting_[vm];
        co_return Turn(self_, std::move(vm));
    }
    auto turn = std::make_shared<boost::asio::steady_timer>(executor_, boost::asio::steady_timer::time_point::max());
    there->second.push_back(turn);
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await turn->async_wait(token);
    co_return Turn(self_, std::move(vm));
}

void Turns::next(const VmId& vm) {
    const auto there = waiting_.find(vm);
    if (there->second.empty()) {
        waiting_.erase(there);
        return;
    }
    there->second.front()->cancel();
    there->second.pop_front();
}

Agent::Agent(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store, HostId host,
             AgentIdentity identity, Duration time_to_live, std::function<void(const std::string& problem)> changed)
    : executor_(executor),
      clock_(clock),
      hypervisor_(hypervisor),
      store_(store),
      host_(host),
      registration_(executor, clock, store, host, std::move(identity), time_to_live, std::move(changed)),
      callee_(
          executor, clock, store, host, [this] { return registration_.incarnation(); },
          [this](Call call, Claim claim) { return handle(std::move(call), std::move(claim)); }),
      turns_(executor) {
    hypervisor_.on_event([this, alive = std::weak_ptr<int>(alive_)](const HypervisorEvent& event) {
        if (!alive.expired() && event.host == host_) heard(event);
    });
}

void Agent::start() {
    boost::asio::co_spawn(executor_, registration_.run(), boost::asio::detached);
    boost::asio::co_spawn(executor_, callee_.run(), boost::asio::detached);
}

boost::asio::awaitable<Answer> Agent::handle(Call call, Claim claim) {
    for (const auto& [prefix, handler] : others_)
        if (call.method.starts_with(prefix)) {
            auto handled = co_await handler(std::move(call), std::move(claim));
            co_return handled;
        }
    if (call.method == "migrate") {
        auto migrated = co_await migrate(std::move(call), std::move(claim));
        co_return migrated;
    }
    if (call.changes) {
        auto changed = co_await change(std::move(call), std::move(claim));
        co_return changed;
    }
    auto looked = co_await look(std::move(call));
    co_return looked;
}

boost::asio::awaitable<Answer> Agent::look(Call call) {
    if (call.method == "read") {
        const auto reading = co_await hypervisor_.read(host_);
        co_return answered(reading);
    }
    if (call.method == "facts") {
        const auto facts = co_await hypervisor_.facts(host_);
        co_return answered(facts);
    }
    if (call.method == "can_accept") {
        const json::value* asked = call.arguments.if_contains("request");
        auto request = read_as<MigrationRequest>(asked ? *asked : json::value());
        if (!request) co_return request.error();
        std::string definition = text_of(call.arguments, "definition");
        const auto accepts = co_await hypervisor_.can_accept(std::move(*request), std::move(definition));
        co_return answered(accepts);
    }
    const VmId vm{text_of(call.arguments, "vm")};
    auto looked = co_await look_at_vm(std::move(call), vm);
    co_return looked;
}

boost::asio::awaitable<Answer> Agent::look_at_vm(Call call, VmId vm) {
    if (call.method == "progress") {  // of a migration, beside it
        const auto progress = co_await hypervisor_.progress(host_, vm);
        co_return answered(progress);
    }
    if (call.method == "completed") {
        const auto completed = co_await hypervisor_.completed(host_, vm);
        co_return answered(completed);
    }
    if (call.method == "vm_facts") {
        const auto facts = co_await hypervisor_.vm_facts(host_, vm);
        co_return answered(facts);
    }
    if (call.method == "migratable_definition") {
        const auto definition = co_await hypervisor_.migratable_definition(host_, vm);
        co_return answered(definition);
    }
    if (call.method == "definition") {
        const auto definition = co_await hypervisor_.definition(host_, vm);
        co_return answered(definition);
    }
    if (call.method != "presence") co_return unknown(call);
    const auto turn = co_await turns_.take(vm);
    auto presence = co_await hypervisor_.presence(host_, vm);
    if (presence && migrating_.contains(vm)) presence->migration_under_way = true;
    co_return answered(presence);
}

boost::asio::awaitable<Answer> Agent::change(Call call, Claim claim) {
    const VmId vm{text_of(call.arguments, "vm")};
    // What steers a migration goes beside it, and is done again and again.
    const bool steers = call.method == "abort" || call.method == "set_max_downtime" || call.method == "start_post_copy";
    std::optional<Turns::Turn> turn;
    if (!steers) {
        auto taken = co_await turns_.take(vm);
        turn.emplace(std::move(taken));
    }
    std::vector<Compare> nothing_else;
    const bool claimed = co_await claim(std::move(nothing_else));
    if (!claimed) co_return not_claimed(host_);
    const auto done = co_await perform(std::move(call));
    co_return answered(done);
}

boost::asio::awaitable<Answer> Agent::migrate(Call call, Claim claim) {
    auto request = read_order<MigrationRequest>(call.arguments);
    if (!request) co_return request.error();
    const VmId vm = request->vm;
    {
        // Whoever looks at it now looks before it is claimed.
        const auto turn = co_await turns_.take(vm);
        migrating_.insert(vm);
    }
    // A target that was cut off may be up again before anybody has looked what became of the VM meanwhile.
    std::vector<Compare> target_is_on{{Compare::Kind::absent, executor::power_lock_key(request->to), 0, {}}};
    const bool claimed = co_await claim(std::move(target_is_on));
    Answer result = not_claimed(host_);
    if (claimed) {
        const auto migrated = co_await hypervisor_.migrate(std::move(*request));
        result = answered(migrated);
    }
    migrating_.erase(vm);
    co_return result;
}

boost::asio::awaitable<Result<void>> Agent::perform(Call call) {
    const VmId vm{text_of(call.arguments, "vm")};
    const std::string& method = call.method;
    if (method == "start") {
        auto request = read_order<StartRequest>(call.arguments);
        if (!request) co_return request.error();
        co_return co_await hypervisor_.start(std::move(*request));
    }
    if (method == "create_image") {
        auto disk = read_order<DiskCopy>(call.arguments);
        if (!disk) co_return disk.error();
        co_return co_await hypervisor_.create_image(host_, std::move(*disk));
    }
    if (method == "remove_image") {
        std::string file = text_of(call.arguments, "file");
        co_return co_await hypervisor_.remove_image(host_, std::move(file));
    }
    if (method == "abort") co_return co_await hypervisor_.abort_migration(host_, vm);
    if (method == "set_max_downtime") {
        const Duration downtime = duration_of(call.arguments, "downtime_ms");
        co_return co_await hypervisor_.set_max_downtime(host_, vm, downtime);
    }
    if (method == "start_post_copy") co_return co_await hypervisor_.start_post_copy(host_, vm);
    if (method == "resume") co_return co_await hypervisor_.resume(host_, vm);
    if (method == "destroy") co_return co_await hypervisor_.destroy(host_, vm);
    if (method == "undefine") co_return co_await hypervisor_.undefine(host_, vm);
    if (method == "set_autostart") {
        const json::value* wanted = call.arguments.if_contains("autostart");
        const bool autostart = wanted && wanted->is_bool() && wanted->get_bool();
        co_return co_await hypervisor_.set_autostart(host_, vm, autostart);
    }
    co_return unknown(call);
}

void Agent::heard(const HypervisorEvent& event) {
    events_.emplace_back(++last_event_, event);
    if (events_.size() > events_kept) events_.pop_front();
    if (telling_) return;
    telling_ = true;
    boost::asio::co_spawn(executor_, tell_events(), boost::asio::detached);
}

// Only a registered agent tells; what it could not tell, a look shows. But what the store does not take is told again:
// that a connection is back is seen by no look while nobody looks through it.
boost::asio::awaitable<void> Agent::tell_events() {
    co_await clock_.sleep_for(gather);
    std::uint64_t told = 0;
    while (told != last_event_) {
        const std::uint64_t newest = last_event_;
        const auto incarnation = registration_.incarnation();
        if (!incarnation) break;
        if (session_ == 0) session_ = *incarnation;
        json::array list;
        for (const auto& [number, event] : events_)
            list.push_back(json::object{{"number", number}, {"event", to_json(event)}});
        Transaction put;
        put.guards.push_back({Compare::Kind::create_revision_is, agent_key(host_), *incarnation, {}});
        put.changes.push_back({Change::Kind::put, events_key(host_),
                               json::serialize(json::object{{"session", session_}, {"events", std::move(list)}}), 0});
        const auto commit = co_await store_.commit(std::move(put));
        if (commit && commit->committed)
            told = newest;
        else
            co_await clock_.sleep_for(tell_again);
    }
    telling_ = false;
}

}  // namespace ballast::cluster
