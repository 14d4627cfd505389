#include "daemon/controller.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <spdlog/spdlog.h>

#include "cluster/keys.h"
#include "config/uri.h"
#include "daemon/keys.h"
#include "daemon/power_overlay.h"
#include "daemon/tcp_probe.h"
#include "model/names.h"

namespace ballast::daemon {

namespace {
constexpr std::size_t cycles_kept = 200;
// Networks and pools come and go without an event we could hear.
// The health probe looks at every host within its interval of the start, 10 s by default [config/daemon_options.h]. Who
// has none, or a longer one, does without the boot id.
constexpr Duration boot_id_within = std::chrono::minutes{2};
constexpr Duration facts_refresh = std::chrono::minutes{2};
constexpr Duration facts_retry = std::chrono::seconds{5};
// Beyond one daemon a definition goes through the store, which keeps each write until it is compacted: those of a large
// cluster together at its start would make etcd's database larger than it ever is again (docs/benchmarks.md). The first
// two thousand VMs wait for nothing, twenty thousand for four minutes.
constexpr Duration definition_step = std::chrono::milliseconds{13};
constexpr int definitions_at_once = 2000;
// The broker's file may be edited at any time; while nobody answers there is nothing to switch.
constexpr Duration power_refresh = std::chrono::seconds{30};
constexpr unsigned silences_told = 2;  // one may be the broker's own restart
// Samples of several hosts arrive close together: one cycle serves them all.
constexpr Duration gather = std::chrono::milliseconds{100};
// In a large cluster samples arrive all the time, and a cycle takes a while: so that it takes no more than a part of a
// CPU, the next one waits this many times as long, and never longer than half an interval.
constexpr int rest_for_work = 14;

std::string cycle_id(std::uint64_t number) {
    char id[32];
    std::snprintf(id, sizeof id, "cycle-%06llu", static_cast<unsigned long long>(number));
    return id;
}

executor::Settings settings_from(const policy::Options& policy, const config::DaemonOptions& options) {
    executor::Settings s;
    for (const config::HostOptions& host : options.hosts) s.sites[host.id] = host.site;
    s.between_sites_bandwidth_mib_per_s = policy.migration.between_sites.bandwidth_mib_per_s;
    s.between_sites_slots = policy.migration.between_sites.slots;
    s.outgoing_per_host = policy.limits.outgoing_per_host;
    s.incoming_per_host = policy.limits.incoming_per_host;
    s.cluster = policy.limits.cluster;
    s.bandwidth_mib_per_s = policy.migration.bandwidth_mib_per_s;
    s.downtime_steps = policy.migration.downtime_steps;
    s.auto_converge = policy.migration.auto_converge;
    s.post_copy = policy.migration.post_copy;
    s.tls = policy.migration.tls;
    s.parallel_connections = policy.migration.parallel_connections;
    if (policy.migration.compression != policy::Compression::none)
        s.compression = to_string(policy.migration.compression);
    s.post_copy_passes = policy.migration.post_copy_passes;
    s.post_copy_after = policy.migration.post_copy_after;
    s.deadline_min = policy.migration.deadline_min;
    s.deadline_per_gib = policy.migration.deadline_per_gib;
    s.attempts = policy.migration.attempts;
    s.retry_delay = policy.migration.retry_delay;
    s.restarts_per_host = policy.failover.restarts_per_host;
    return s;
}
// Without more than half of etcd's members nobody would wake a host.
bool carries_store(const config::HostOptions& host, const config::StoreOptions& store) {
    return std::any_of(store.endpoints.begin(), store.endpoints.end(), [&](const std::string& endpoint) {
        const auto member = probe_target(endpoint);
        const auto is_member = [&](const std::string& uri) {
            const auto target = probe_target(uri);
            return target && target->host == member->host;
        };
        return member &&
               (member->host == host.id.value || is_member(host.uri) || is_member(host.peer_uri.value_or("")));
    });
}

}  // namespace

Controller::Controller(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, PowerControl& power,
                       Probe& probe, Store& store, config::DaemonOptions options, ControllerListener listener)
    : asio_(executor),
      clock_(clock),
      hypervisor_(hypervisor),
      power_(power),
      store_(store),
      options_(std::move(options)),
      listener_(std::move(listener)),
      homes_(store),
      boots_(store),
      known_facts_(store),
      executor_(executor, clock, hypervisor, store, [this](const Operation& op) { operation_changed(op); }),
      power_switch_(
          executor, clock, hypervisor, power, store, [this](const HostId& host) { return in_use(host); },
          [this](const PowerRecord& record) { power_changed(record); }),
      failover_(executor, clock, hypervisor, probe, executor_, power_switch_, failover_questions()),
      cycle_wake_(executor),
      definitions_(clock, definition_step, definitions_at_once) {
    keeper_.configure(options_);
    power_switch_.configure({options_.power.shutdown_timeout, options_.power.boot_timeout, options_.power.wake_tries});
    power_switch_.set_hooks({[this](const HostId& host) { return failover_.answers(host); },
                             [this](const HostId& host) { return failover_.may_cut(host); },
                             [this](HostId host) { return executor_.rejoin(std::move(host)); },
                             [this](const HostId& host) { return nobody_looks_after(host); }});
    executor_.ask_seen([this](const HostId& host) { return keeper_.sampled_at(host); },
                       [this](const HostId& host, const VmId& vm) { return keeper_.has(host, vm); });
    executor_.ask_power([this](const HostId& host) {
        const auto record = power_switch_.record(host);
        return record ? record->state : PowerState::on;
    });
    hypervisor_.on_event([this](const HypervisorEvent& event) { heard(event); });
}

std::vector<Compare> Controller::nobody_looks_after(const HostId& host) const {
    if (!options_.cluster.enabled) return {};
    return {{Compare::Kind::absent, cluster::agent_key(host), 0, {}}};
}

FailoverQuestions Controller::failover_questions() {
    FailoverQuestions questions;
    questions.may_act = [this] { return mode() == policy::Mode::automatic && !paused(); };
    questions.maintenance = [this](const HostId& host) { return keeper_.in_maintenance(host); };
    questions.restarts_pending = [this](const HostId& host) {
        const auto& restarts = last_cycle_.plan.restarts;
        return std::any_of(restarts.begin(), restarts.end(), [&](const Restart& one) {
            const VmRecord* record = executor_.vms().find(one.vm);
            return one.from == host && record != nullptr && !record->definition.empty();
        });
    };
    questions.boot_unclear = [this](const HostId& host) {
        return boots_.awaits_boot_id(host) && clock_.now() - started_ < boot_id_within;
    };
    questions.changed = [this] { want_cycle(); };
    questions.moved = [this](const VmId& vm, const HostId& from, const HostId& to) {
        keeper_.moved_by_hand(vm, from, to, clock_.now());
        want_cycle();
    };
    return questions;
}

Controller::Task<void> Controller::start(policy::Options policy) {
    started_ = clock_.now();
    adopt(std::move(policy));
    const auto loaded = co_await load_state();
    if (!loaded) co_return loaded.error();
    const auto boots = co_await boots_.load();
    if (!boots) co_return boots.error();
    const auto vms = co_await executor_.load_vms();
    if (!vms) co_return vms.error();
    presume_vms();
    const auto recovered = co_await executor_.recover();
    if (!recovered) co_return recovered.error();
    const auto power_recovered = co_await power_switch_.recover();
    if (!power_recovered) co_return power_recovered.error();
    const auto facts = co_await load_facts();
    if (!facts) co_return facts.error();
    learn_boot_time();
    boost::asio::co_spawn(asio_, keep_power_known(), boost::asio::detached);
    for (const config::HostOptions& host : options_.hosts) {
        facts_wake_[host.id] = std::make_shared<executor::Pause>(asio_);
        host_facts_wake_[host.id] = std::make_shared<executor::Pause>(asio_);
        boost::asio::co_spawn(asio_, keep_host_facts(host.id), boost::asio::detached);
        boost::asio::co_spawn(asio_, keep_vm_facts(host.id), boost::asio::detached);
    }
    start_sampling();
    failover_.start(hypervisor_.hosts(), options_.cluster.enabled);
    boost::asio::co_spawn(asio_, run_cycles(), boost::asio::detached);
    co_return Result<void>();
}

void Controller::start_sampling() {
    collectors::SamplerListener listener;
    listener.sampled = [this](const HostId& host, const collectors::Sample& sample) { sampled(host, sample); };
    listener.unchanged = [this](const HostId& host, Instant as_of) {
        keeper_.unchanged(host, as_of);
        want_cycle();
    };
    listener.source_read = [this](const HostId& host, const std::string& source, const Result<void>& read) {
        if (listener_.source_read) listener_.source_read(host, source, read.has_value());
    };
    if (samples_) return samples_(std::move(listener));
    for (const config::HostOptions& host : options_.hosts) {
        collectors::SamplerOptions sampler{host.id, options_.interval, std::nullopt};
        if (config::is_local(host.uri)) sampler.proc_path = options_.proc_path;
        boost::asio::co_spawn(asio_, collectors::run_sampler(clock_, hypervisor_, sampler, listener),
                              boost::asio::detached);
    }
}

// With a sample, so that what follows from it is written before the boot is taken as told.
bool Controller::is_booted(const HostId& host, const collectors::Sample& sample) {
    const bool counted = sample.counted && boots_.is_booted(host, *sample.counted);
    const auto told = boot_ids_.extract(host);
    const bool other = !told.empty() && boots_.is_other_boot(host, told.mapped());
    return counted || other;
}

void Controller::sampled(const HostId& host, const collectors::Sample& sample) {
    const bool booted = is_booted(host, sample);
    if (booted) rebooted_[host] = sample.at;
    keeper_.sampled(host, sample);
    const auto running = keeper_.running_on(host);
    failover_.seen(host, running, booted);
    if (!keeper_.vm_facts_wanted(host).empty() || !failover_.undefined(running).empty()) facts_wake_[host]->end();
    want_cycle();
}

void Controller::configure_executor() {
    executor_.configure(settings_from(policy_, options_));
    failover_.configure(policy_.failover);
}

void Controller::set_policy(policy::Options policy) {
    adopt(std::move(policy));
    planner_.forget();
    want_cycle();
}

void Controller::set_health(const HostId& host, std::vector<HealthProblem> problems) {
    keeper_.health(host, std::move(problems));
    want_cycle();
}

// A host of our own is neither emptied nor switched off, whatever the files say, nor is one that carries the store.
void Controller::adopt(policy::Options policy) {
    policy_ = std::move(policy);
    auto& never = policy_.consolidation.never_off;
    for (const config::HostOptions& host : options_.hosts) {
        const bool stays = is_own(host.id) || carries_store(host, options_.store);
        if (stays && std::find(never.begin(), never.end(), host.id) == never.end()) never.push_back(host.id);
    }
    configure_executor();
    learn_boot_time();
}

// As measured, where it was: the slowest host is the one that may have to be waited for.
void Controller::learn_boot_time() {
    std::optional<Duration> slowest;
    for (const PowerRecord& record : power_switch_.records())
        if (record.boot && (!slowest || *record.boot > *slowest)) slowest = record.boot;
    if (slowest) policy_.consolidation.boot_time = *slowest;
}

bool Controller::answers(const HostId& host) const {
    const auto power = power_switch_.record(host);
    return keeper_.is_up(host) && (!power || power->state == PowerState::on);
}

bool Controller::is_own(const HostId& host) const {
    return std::any_of(options_.hosts.begin(), options_.hosts.end(), [&](const config::HostOptions& options) {
        return options.id == host && config::could_be_local(options.uri);
    });
}

std::optional<Instant> Controller::rebooted_at(const HostId& host) const {
    const auto found = rebooted_.find(host);
    return found == rebooted_.end() ? std::nullopt : std::optional(found->second);
}

bool Controller::rests(const HostId& host) const {
    const auto record = power_switch_.record(host);
    return record && record->state == PowerState::off && !failover_.answers(host);
}

bool Controller::is_meant_to_answer(const HostId& host) const {
    const auto record = power_switch_.record(host);
    return (!record || record->state == PowerState::on) && !keeper_.in_maintenance(host);
}

Inventory Controller::inventory() const {
    Inventory seen = keeper_.build(clock_.now(), executor_.active());
    seen.wall_time = clock_.wall_now();
    homes_.show(seen, clock_.now(), clock_.wall_now());
    show_power(seen, power_switch_.records(), power_, clock_.now(), clock_.wall_now());
    for (auto& [id, host] : seen.hosts)
        if (const auto silent = failover_.silent_for(id); silent && host.power == PowerState::on)
            host.problem = "has not answered for " + to_string(*silent);
    return seen;
}

boost::asio::awaitable<void> Controller::keep_host_facts(HostId host) {
    const auto wake = host_facts_wake_[host];
    for (;;) {
        auto facts = co_await hypervisor_.facts(host);
        const bool known = facts.has_value();
        if (known) {
            keeper_.host_facts(host, *facts);
            want_cycle();
            const auto kept = co_await known_facts_.keep(host, std::move(*facts));
            if (!kept)
                spdlog::warn("what {} offers, to be known while it is off: {}", host.value, to_string(kept.error()));
        }
        co_await wake->take(clock_, known ? facts_refresh : facts_retry);
    }
}

void Controller::renew_host_facts(const HostId& host) {
    if (const auto wake = host_facts_wake_.find(host); wake != host_facts_wake_.end()) wake->second->end();
}

// Those of which nothing is on record come first: until then nobody would start them elsewhere.
std::optional<VmId> Controller::next_facts_due(const HostId& host, const std::set<VmId>& tried) const {
    for (const VmId& vm : failover_.undefined(keeper_.running_on(host)))
        if (!tried.contains(vm)) return vm;
    for (const VmId& vm : keeper_.vm_facts_due(host))
        if (!tried.contains(vm)) return vm;
    return std::nullopt;
}

boost::asio::awaitable<void> Controller::keep_vm_facts(HostId host) {
    const auto wake = facts_wake_[host];
    for (;;) {
        std::set<VmId> tried;
        while (next_facts_due(host, tried)) {
            if (options_.cluster.enabled) co_await definitions_.take();
            const auto due = next_facts_due(host, tried);  // by now
            if (!due) break;
            const VmId vm = *due;
            tried.insert(vm);
            const bool arriving = failover_.arrives(host, vm);
            const std::uint64_t changes = keeper_.changes_of(vm);
            auto facts = co_await hypervisor_.vm_facts(host, vm);
            if (!facts) continue;
            auto definition = co_await hypervisor_.definition(host, vm);
            if (definition) failover_.defined(host, vm, *facts, std::move(*definition), arriving);
            keeper_.vm_facts(vm, std::move(*facts), changes);
        }
        for (const VmId& vm : keeper_.long_paused(host)) {
            const auto presence = co_await hypervisor_.presence(host, vm);
            if (presence)
                keeper_.paused_because(
                    vm, host, presence->migration_under_way ? Presence::PauseReason::none : presence->pause_reason);
        }
        if (keeper_.vm_facts_wanted(host).empty()) want_cycle();
        co_await wake->take(clock_, facts_refresh);
    }
}

void Controller::heard(const HypervisorEvent& event) {
    using Kind = HypervisorEvent::Kind;
    if (event.kind == Kind::connected || event.kind == Kind::disconnected) {
        const bool up = event.kind == Kind::connected;
        keeper_.connection(event.host, up ? Connection::up : Connection::down, up ? "" : event.detail);
        if (up)
            spdlog::info("{}: connected", event.host.value);
        else
            spdlog::warn("{}: connection lost: {}", event.host.value, event.detail);
        if (up) renew_host_facts(event.host);  // it may have come back as another
        if (!up) boots_.fell_silent(event.host);
        want_cycle();
    }
    if (event.kind == Kind::host_changed) renew_host_facts(event.host);
    if (event.kind == Kind::vm_stopped) failover_.heard_stop(event.host, event.vm, event.detail == "migrated");
    if (event.kind == Kind::vm_started && event.detail == "arriving") failover_.heard_arrival(event.host, event.vm);
    if (event.kind == Kind::vm_changed || event.kind == Kind::vm_started) {
        keeper_.outdate_facts(event.vm);
        if (const auto wake = facts_wake_.find(event.host); wake != facts_wake_.end()) wake->second->end();
    }
}

void Controller::operation_changed(const Operation& op) {
    const bool stayed = op.state == OperationState::planned || op.state == OperationState::rolled_back;
    if (stayed && op.attempt > 0) failover_.stayed(op.vm);
    if (is_final(op.state)) {
        keeper_.operation_ended(op, clock_.now());
        // It did not end as was meant, but whose the VM is by now was found out.
        const VmRecord* owned = executor_.vms().find(op.vm);
        if (op.state != OperationState::done && owned != nullptr && owned->host != op.from)
            keeper_.belongs(op.vm, op.from, owned->host, clock_.now());
        homes_.ended(op);
        ended_.push_back(op);
        if (ended_.size() > ended_kept) ended_.pop_front();
        want_cycle();
    }
    if (listener_.operation_changed) listener_.operation_changed(op);
}

void Controller::want_cycle() {
    cycle_wanted_ = true;
    cycle_wake_.cancel();
}

boost::asio::awaitable<void> Controller::run_cycles() {
    for (;;) {
        if (!cycle_wanted_) {
            cycle_wake_.expires_at(boost::asio::steady_timer::time_point::max());
            auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
            co_await cycle_wake_.async_wait(token);
        }
        const Duration rest = std::clamp(rest_for_work * cycle_work_, gather, std::max(gather, options_.interval / 2));
        co_await clock_.sleep_for(rest);
        cycle_wanted_ = false;
        co_await run_cycle();
    }
}

boost::asio::awaitable<void> Controller::run_cycle() {
    Cycle cycle;
    cycle.id = cycle_id(++cycle_number_);
    cycle.at = clock_.wall_now();
    cycle.mode = mode();
    cycle.paused = paused();
    const Instant begin = clock_.now();
    planned_.inventory = {};  // a second one of a large cluster is much; nobody looks until it is there again
    Inventory seen = inventory();
    memory_ = policy::observe(std::move(memory_), seen, policy_, begin);
    const Instant observed = clock_.now();
    cycle.plan = planner_.plan(seen, memory_, policy_, begin);
    const Instant planned = clock_.now();
    cycle_work_ = planned - begin;
    for (const auto& [id, vm] : seen.vms) cycle.vm_names.emplace_hint(cycle.vm_names.end(), id, vm.facts.name);
    homes_.prune(seen, executor_.active(), clock_.wall_now(), policy_.maintenance.within);
    keep_planned(cycle, std::move(seen), begin);
    note_what_vms_need(cycle);
    co_await keep_homes();
    co_await keep_boots();
    co_await act(cycle);
    cycle.observe_time = observed - begin;
    cycle.plan_time = planned - observed;
    cycle.act_time = clock_.now() - planned;
    remember(cycle);
    if (listener_.cycle_ended) listener_.cycle_ended(last_cycle_);
}

namespace {
std::string stands_still(const Stuck& stuck) {
    using Why = Presence::PauseReason;
    std::string text = " is paused on " + stuck.hosts.front().value;
    for (std::size_t i = 1; i < stuck.hosts.size(); ++i) text += " and on " + stuck.hosts[i].value;
    if (stuck.why == Why::io_error) return text + " by an IO error: see to its storage, then virsh resume";
    if (stuck.why == Why::post_copy_failed)
        return text + " by a post-copy migration that was interrupted: both halves are needed, see to it yourself";
    return text + " by a migration that was interrupted: see to it yourself";
}
}  // namespace

void Controller::note_what_vms_need(Cycle& cycle) const {
    const auto doubles = keeper_.double_runs();
    cycle.double_runs = doubles.size();
    for (const DoubleRun& twice : doubles)
        cycle.notes.push_back("ALARM: " + cycle.vm_names[twice.vm] + " runs on " + twice.first.value + " and on " +
                              twice.second.value);
    const auto active = executor_.active();
    for (const Stuck& stuck : keeper_.stuck()) {
        const auto concerns = [&](const Operation& op) { return op.vm == stuck.vm; };
        if (std::any_of(active.begin(), active.end(), concerns)) continue;  // which tells of it
        ++cycle.stuck;
        cycle.notes.push_back("ALARM: " + cycle.vm_names[stuck.vm] + stands_still(stuck));
    }
}

// Written before the moves begin: should the daemon end meanwhile, the next one still knows where they belong.
boost::asio::awaitable<void> Controller::keep_homes() {
    const auto kept = co_await homes_.keep();
    if (!kept) spdlog::warn("which VMs are to come back after maintenance: {}", to_string(kept.error()));
}

// A boot counts as told once its consequences are on record.
boost::asio::awaitable<void> Controller::keep_boots() {
    if (!executor_.vms().is_written()) co_return;
    auto unsettled = failover_.unsettled_boots();
    const auto kept = co_await boots_.keep(std::move(unsettled));
    if (!kept) spdlog::warn("what the hosts' CPUs have counted since their boots: {}", to_string(kept.error()));
}

// In the same breath as memory_ changes: a record is never of two cycles.
void Controller::keep_planned(const Cycle& cycle, Inventory seen, Instant now) {
    planned_.format = interchange::record_format;
    planned_.written_by = "ballastd " BALLAST_VERSION;
    planned_.cycle = cycle.id;
    planned_.taken_at = to_string(cycle.at);
    planned_.now = now;
    planned_.inventory = std::move(seen);
    planned_.options = policy_;
    planned_.options.mode = cycle.mode;
    planned_.plan = cycle.plan;
}

interchange::Record Controller::record() const {
    interchange::Record record = planned_;
    record.memory = memory_;
    return record;
}

namespace {
// Of twenty thousand VMs, in each of the cycles that are kept, only the names that its plan mentions.
void keep_named(Cycle& cycle) {
    std::set<VmId> named;
    const Plan& plan = cycle.plan;
    for (const Move& move : plan.moves) named.insert(move.vm);
    for (const Restart& restart : plan.restarts) named.insert(restart.vm);
    for (const auto* refused : {&plan.immovable, &plan.rejections})
        for (const Rejection& one : *refused) named.insert(one.vm);
    std::erase_if(cycle.vm_names, [&](const auto& entry) { return !named.contains(entry.first); });
}
}  // namespace

void Controller::remember(const Cycle& cycle) {
    last_cycle_ = cycle;
    const bool wanted_something = !cycle.plan.moves.empty() || !cycle.plan.restarts.empty() ||
                                  !cycle.plan.immovable.empty() || !cycle.notes.empty();
    if (!wanted_something) return;
    cycles_.push_back(cycle);
    keep_named(cycles_.back());
    if (cycles_.size() > cycles_kept) cycles_.pop_front();
}

boost::asio::awaitable<void> Controller::keep_power_known() {
    bool known = false;
    for (;;) {
        const auto hosts = co_await power_.hosts();
        if (hosts && !known) spdlog::info("power: the broker knows the BMCs of {} host(s)", hosts->size());
        if (!hosts && known) spdlog::warn("power: {}", to_string(hosts.error()));
        if (hosts.has_value() != known) want_cycle();
        known = hosts.has_value();
        broker_has_answered_ = broker_has_answered_ || known;
        broker_silences_ = known ? 0 : broker_silences_ + 1;
        broker_error_ = known ? "" : hosts.error().message;
        if (broker_silences_ == silences_told) want_cycle();
        co_await clock_.sleep_for(power_refresh);
    }
}

std::string Controller::broker_problem() const {
    const bool is_wanted = broker_has_answered_ || !power_switch_.records().empty();
    if (!is_wanted || broker_silences_ < silences_told) return {};
    const std::string known = "cannot be reached: ";
    const std::string why = broker_error_.starts_with(known) ? broker_error_.substr(known.size()) : broker_error_;
    return "the power broker cannot be reached (" + why + "): no host can be cut off or switched";
}

bool Controller::in_use(const HostId& host) const {
    const auto active = executor_.active();
    return std::any_of(active.begin(), active.end(), [&](const Operation& op) {
        return op.state != OperationState::waiting && (op.from == host || op.to == host);
    });
}

void Controller::power_changed(const PowerRecord& record) {
    learn_boot_time();
    if (record.state != PowerState::off) hypervisor_.reconnect(record.host);  // it may rest
    want_cycle();
    if (listener_.power_changed) listener_.power_changed(record);
}

}  // namespace ballast::daemon
