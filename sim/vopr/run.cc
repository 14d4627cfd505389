#include "sim/vopr/run.h"

#include <set>

#include "cluster/keys.h"
#include "daemon/store_archive.h"
#include "executor/power_journal.h"
#include "executor/vm_records.h"
#include "ports/kept_keys.h"
#include "sim/vopr/daemon.h"
#include "sim/vopr/expect.h"
#include "sim/vopr/invariants.h"
#include "sim/vopr/orders.h"
#include "sim/vopr/script.h"
#include "sim/vopr/witness.h"

namespace ballast::sim::vopr {

namespace {
using namespace std::chrono_literals;

// Three tries of a migration at the longest deadline that the VMs' memory gives, and what lies between them.
constexpr Duration quiet_within = 90min;
constexpr Duration quiet_for = 40s;  // eight samples, three beats
constexpr Duration look_every = 5s;
constexpr std::uint64_t most_steps = 3'000'000;
constexpr Duration looked_after_restore = 20s;  // by whoever has restored the store

bool may_end(Fault fault) {
    return fault == Fault::guest_shuts_down || fault == Fault::guest_crashes || fault == Fault::io_error ||
           fault == Fault::post_copy_cut || fault == Fault::target_qemu_killed_after_start;
}

interchange::StoreBackup backup_of(const StoreData& store, Instant when) {
    interchange::StoreBackup backup;
    backup.at = "then";
    for (const auto& [key, entry] : store.at(store.revision_at(when)))
        if (entry.lease == 0 && !key.starts_with(cluster::cluster_prefix)) backup.entries[key] = entry.value;
    return backup;
}

class Run {
public:
    Run(const Scenario& scenario, bool tracing, const Script* script = nullptr)
        : scenario_(scenario),
          cluster_(scenario.seed,
                   [this](MemberContext& context) -> std::unique_ptr<MemberProcess> {
                       return std::make_unique<Daemon>(context, cluster_.world, site_);
                   }),
          invariants_(with_hosts(scenario), scenario),
          witness_(cluster_, script != nullptr),
          stage_{cluster_, witness_, scenario.hosts, [this] { return leader(); }, [this] { return leads(); }},
          expectations_(stage_, script == nullptr ? std::vector<Expectation>() : script->expectations) {
        cluster_.tracing = tracing;
        cluster_.check = [this] { look(); };
        site_.hosts = scenario.hosts;
        site_.ordering_power = [this](const HostId& from) { invariants_.ordering_power(from); };
        cluster_.world.losing_power = [this](const HostId& host) {
            invariants_.losing_power(host);
            forget_unknown_on(host);
        };
        site_.policy.mode = policy::Mode::automatic;
        if (scenario.consolidates) consolidate(site_.policy);
        if (script != nullptr) {
            site_.policy = script->policy;
            cues_ = script->cues;
        }
        for (const Guest& guest : scenario.guests) {
            VmSpec spec;
            spec.memory = gib(guest.memory_gib);
            spec.dirty_mib_per_s = guest.dirty_mib_per_s;
            spec.persistent = guest.persistent;
            spec.autostart = guest.autostart;
            spec.allows_post_copy = guest.post_copy;
            spec.cpus = guest.cpus;
            cluster_.world.add_vm(guest.on, guest.vm, spec);
        }
        for (const Event& event : scenario.events) cluster_.world.after(event.at, [this, event] { happen(event); });
    }

    Outcome go() {
        const Instant began = cluster_.clock.now();
        pass(scenario_.length);
        expectations_.over();
        if (!invariants_.broken()) heal();
        std::string disquiet = "never looked at";
        const Instant end = cluster_.clock.now() + quiet_within;
        Instant quiet_since = cluster_.clock.now();
        while (!invariants_.broken() && cluster_.clock.now() < end) {
            pass(look_every);
            disquiet = why_not_quiet();
            if (!disquiet.empty()) quiet_since = cluster_.clock.now();
            if (cluster_.clock.now() - quiet_since >= quiet_for) break;
        }
        expectations_.healed();
        Outcome outcome;
        outcome.missed = expectations_.missed();
        if (!disquiet.empty()) outcome.broken = disquiet;
        if (cluster_.steps() >= most_steps) outcome.broken = "6: too many steps: something goes on for ever";
        if (invariants_.broken()) outcome.broken = *invariants_.broken();
        outcome.steps = cluster_.steps();
        outcome.migrations = cluster_.world.migrations_started();
        outcome.starts = invariants_.starts();
        outcome.took = cluster_.clock.now() - began;
        outcome.trace = cluster_.trace();
        return outcome;
    }

private:
    // As an operator would set it who wants to see it within minutes.
    static void consolidate(policy::Options& policy) {
        policy.consolidation.enabled = true;
        policy.consolidation.watch = policy.consolidation.min_time_on = 1min;
        policy.consolidation.min_time_off = 30s;
        policy.consolidation.boot_time = 2min;
        policy.cooldown.vm = 1min;
    }

    Cluster& with_hosts(const Scenario& scenario) {
        for (const HostId& host : scenario.hosts) {
            cluster_.add_host(host);
            if (scenario.host_memory) cluster_.world.host(host)->memory = *scenario.host_memory;
            site_.bmcs[host];
        }
        return cluster_;
    }

    void look() {
        invariants_.step();
        if (healed_) return;
        expectations_.step();
        if (!at_fencing_.empty()) look_for_fencing();
        for (std::size_t i = 0; i < cues_.size(); ++i) {
            const Cue one = cues_[i];
            if (!one.when.at(stage_, one.when.asked).met) continue;
            cues_.erase(cues_.begin() + static_cast<std::ptrdiff_t>(i--));
            later(one.later, [this, event = one.event] { happen(event); });
        }
    }

    // A host is being cut off: what waits for that happens once.
    void look_for_fencing() {
        const std::string prefix = executor::power_lock_key({});
        const auto& entries = cluster_.store.entries;
        for (auto at = entries.lower_bound(prefix); at != entries.end() && at->first.starts_with(prefix); ++at) {
            if (at->second.value != to_string(PowerState::fencing)) continue;
            for (Event event : std::exchange(at_fencing_, {})) {
                event.kind =
                    event.kind == Event::Kind::pause_fencing ? Event::Kind::pause_leader : Event::Kind::link_cut;
                event.host = {whoever_leads};
                later(event.late, [this, event] { happen(event); });
            }
            return;
        }
    }

    void pass(Duration duration) {
        const Instant end = cluster_.clock.now() + duration;
        const auto over = [this] { return invariants_.broken() || cluster_.steps() >= most_steps; };
        if (!cluster_.run_until(over, duration)) cluster_.run_for(end - cluster_.clock.now());
    }

    Daemon* leader() const {
        for (const HostId& host : scenario_.hosts) {
            auto* const daemon = dynamic_cast<Daemon*>(cluster_.process(host));
            if (daemon != nullptr && daemon->term() && daemon->controller() != nullptr) return daemon;
        }
        return nullptr;
    }
    std::optional<HostId> leads() const {
        const Daemon* const daemon = leader();
        for (const HostId& host : scenario_.hosts)
            if (daemon != nullptr && cluster_.process(host) == daemon) return host;
        return std::nullopt;
    }

    void order(const Event& event) {
        Daemon* const daemon = leader();
        if (daemon == nullptr) return;
        const auto answered = [this](const std::string& what, const Result<void>& came_to) {
            witness_.ordered(what, came_to);
        };
        boost::asio::co_spawn(daemon->io(), give(*daemon->controller(), event, answered), boost::asio::detached);
    }

    void later(Duration delay, std::function<void()> what) { cluster_.world.after(delay, std::move(what)); }

    void happen(Event event) {
        if (healed_) return;
        if (event.host.value.empty()) event.host = scenario_.hosts.front();
        for (HostId* const host : {&event.host, &event.other})
            if (host->value == whoever_leads) *host = leads().value_or(scenario_.hosts.front());
        cluster_.note("EVENT: " + to_string(event));
        if (is_order(event.kind)) return happen_by_order(event);
        if (happen_to_process(event) || happen_to_host(event) || happen_to_link(event) || happen_to_store(event))
            return;
        happen_otherwise(event);
    }

    bool happen_to_process(const Event& e) {
        using Kind = Event::Kind;
        const HostId leading = leads().value_or(e.host);
        switch (e.kind) {
            case Kind::kill: cluster_.kill(e.host); return true;
            case Kind::kill_at: cluster_.kill_at(e.host, e.count); return true;
            case Kind::kill_leader_at: cluster_.kill_at(leading, e.count); return true;
            case Kind::pause_leader_at: cluster_.pause_at(leading, e.count, e.lasts); return true;
            case Kind::pause_at: cluster_.pause_at(e.host, e.count, e.lasts); return true;
            case Kind::pause: pause(e.host, e.lasts); return true;
            case Kind::pause_leader: pause(leading, e.lasts); return true;
            case Kind::pause_fencing:
            case Kind::link_cut_fencing: at_fencing_.push_back(e); return true;
            default: return false;
        }
    }

    void pause(const HostId& host, Duration lasts) {
        cluster_.pause(host);
        later(lasts, [this, host] { cluster_.resume(host); });
    }

    bool happen_to_host(const Event& e) {
        using Kind = Event::Kind;
        const HostId host = e.host, other = e.other;
        switch (e.kind) {
            case Kind::power_cut:
                cluster_.power_off(host);
                later(e.lasts, [this, host] { cluster_.power_on(host); });
                return true;
            case Kind::cut_off:
                cluster_.cut_off(host);
                later(e.lasts, [this, host] { cluster_.join(host); });
                return true;
            case Kind::separate:
                cluster_.world.separate(host, other);
                later(e.lasts, [this, host, other] {
                    const bool both = cluster_.world.host(host)->reachable && cluster_.world.host(other)->reachable;
                    if (both) cluster_.world.join(host, other);
                });
                return true;
            case Kind::libvirtd_restart:
                if (cluster_.world.host(host)->powered) cluster_.world.restart_libvirtd(host);
                return true;
            case Kind::step_wall_clock: cluster_.step_wall_clock(host, e.lasts); return true;
            default: return false;
        }
    }

    bool happen_to_link(const Event& e) {
        using Kind = Event::Kind;
        StoreLink& link = cluster_.link(e.host);
        const Instant end = cluster_.clock.now() + e.lasts;
        switch (e.kind) {
            case Kind::link_cut: link.cut = true; break;
            case Kind::link_deaf: link.deaf = true; break;
            case Kind::link_loses_replies:
                link.lose_replies = e.count;
                link.late = e.late;
                return true;
            case Kind::link_stale: link.stale = e.late; break;
            case Kind::link_lies: link.keepalive_lies = true; break;
            case Kind::watches_silent: link.watches_silent_until = end; return true;
            case Kind::watches_doubled: link.double_events = e.count; return true;
            case Kind::watches_lost: link.lose_events = e.count; return true;
            case Kind::watches_late: link.watch_delay = e.late; break;
            default: return false;
        }
        later(e.lasts, [this, kind = e.kind, host = e.host] {
            StoreLink& after = cluster_.link(host);
            if (kind == Kind::link_cut) after.cut = !cluster_.world.host(host)->reachable;
            if (kind == Kind::link_deaf) after.deaf = false;
            if (kind == Kind::link_stale) after.stale = {};
            if (kind == Kind::link_lies) after.keepalive_lies = false;
            if (kind == Kind::watches_late) after.watch_delay = {};
        });
        return true;
    }

    bool happen_to_store(const Event& e) {
        using Kind = Event::Kind;
        StoreData& store = cluster_.store;
        const Instant now = cluster_.clock.now();
        switch (e.kind) {
            case Kind::compact: store.compact(); return true;
            case Kind::revoke_leader: store.revoke(store.lease_of("/ballast/cluster/leader"), now); return true;
            case Kind::revoke_agent:
                store.revoke(store.lease_of("/ballast/cluster/agents/" + e.host.value), now);
                return true;
            case Kind::leases_late:
                store.leases_late = e.late;
                later(e.lasts, [this] { cluster_.store.leases_late = {}; });
                return true;
            case Kind::store_unavailable: store.unavailable_until = now + e.lasts; return true;
            case Kind::store_full: store.full_until = now + e.lasts; return true;
            case Kind::store_loses_replies:
                store.lose_replies = e.count;
                store.late = e.late;
                return true;
            default: return false;
        }
    }

    void happen_otherwise(const Event& e) {
        using Kind = Event::Kind;
        Bmc& bmc = site_.bmcs[e.host];
        switch (e.kind) {
            case Kind::bmc_dead:
                bmc.dead = true;
                later(e.lasts, [this, host = e.host] { site_.bmcs[host].dead = false; });
                return;
            case Kind::bmc_lies: bmc.lies = e.count; return;
            case Kind::bmc_ignores: bmc.wakes_ignored = e.count; return;
            case Kind::moved_by_hand: move_by_hand(e); return;
            case Kind::guest_shuts_down: stop_guest(e.vm, "shut down", true); return;
            default: happen_rarely(e);
        }
    }

    // What is written, most of it only.
    void happen_rarely(const Event& e) {
        using Kind = Event::Kind;
        World& world = cluster_.world;
        const HostId host = e.host;
        switch (e.kind) {
            case Kind::bmc_of_another:
                site_.bmcs[host].of_another = true;
                return later(e.lasts, [this, host] { site_.bmcs[host].of_another = false; });
            case Kind::button_ignored:
                site_.bmcs[host].button_ignored = true;
                return later(e.lasts, [this, host] { site_.bmcs[host].button_ignored = false; });
            case Kind::libvirtd_down:
                if (world.host(host)->powered) world.restart_libvirtd(host, e.lasts);
                return;
            case Kind::calls_time_out: world.host(host)->calls_time_out_until = world.now() + e.lasts; return;
            case Kind::starts_fail:
                world.broken.insert(host);
                return later(e.lasts, [this, host] { cluster_.world.broken.erase(host); });
            case Kind::starts_slow:
                world.host(host)->starts_take = e.late;
                return later(e.lasts, [this, host] { cluster_.world.host(host)->starts_take = SimHost{}.starts_take; });
            case Kind::store_restored: return restore(e);
            case Kind::unwell:
                site_.problems[host] = {{*health_source_from(e.word), "", e.word + " of " + host.value}};
                return later(e.lasts, [this, host] { site_.problems[host].clear(); });
            case Kind::guest_killed: return stop_guest(e.vm, "crashed", false);
            case Kind::guest_wants: return world.want(e.vm, e.count);
            case Kind::migration_meets:
                if (may_end(e.fault)) excused_.insert(e.vm);
                return world.inject(e.vm, e.fault);
            case Kind::events_disturbed:
                world.disturb_events(0.3, 0.3);
                return later(e.lasts, [this] { cluster_.world.disturb_events(0, 0); });
            default: return;
        }
    }

    // As docs/store.md wants it done.
    void restore(const Event& e) {
        const auto content = daemon::restorable(backup_of(cluster_.store, cluster_.clock.now() - e.late));
        BALLAST_ASSERT(content);
        for (const HostId& host : scenario_.hosts) cluster_.stop(host);
        later(e.lasts, [this, entries = content->entries] {
            if (healed_) return;
            invariants_.restored();
            cluster_.store.replace(entries, cluster_.clock.now());
            // What does not run any more by then counts as shut down.
            for (const Guest& guest : scenario_.guests)
                if (cluster_.world.running_on(guest.vm).empty()) excused_.insert(guest.vm);
            for (const HostId& host : scenario_.hosts) cluster_.start(host);
            restored_ = true;
            later(looked_after_restore, [this] { let_go_on(); });
        });
    }

    // What the backup does not tell, or tells wrongly, and was not seen again before it was gone, nobody can know of.
    // Of a transient guest only its host's boot tells that it went down with it, and that is not in a backup either.
    void forget_unknown_on(const HostId& host) {
        if (!restored_) return;
        const bool boot_known = cluster_.store.entries.contains(prefix_of(Kept::boots) + host.value);
        for (const auto& [vm, domain] : cluster_.world.host(host)->domains) {
            const auto entry = cluster_.store.entries.find(executor::vm_record_key(vm));
            const bool known = entry != cluster_.store.entries.end() &&
                               executor::vm_record_from_json(boost::json::parse(entry->second.value))->host == host &&
                               (domain.persistent || boot_known);
            if (domain.active() && !known) excused_.insert(vm);
        }
    }

    void let_go_on() {
        Daemon* const daemon = leader();
        const bool goes_on = daemon != nullptr && !daemon->controller()->paused();
        if (goes_on && healed_) return;  // before that, whoever leads may end before it has written that down
        Event go_on;
        go_on.kind = Event::Kind::go_on;
        if (!goes_on) order(go_on);
        later(looked_after_restore, [this] { let_go_on(); });
    }

    void happen_by_order(const Event& e) {
        using Kind = Event::Kind;
        if (e.kind == Kind::confirm_lost) return confirm_lost(e);
        if (e.kind == Kind::migrate) meet(e);
        if (e.kind == Kind::forget) excused_.insert(e.vm);
        order(e);
        if (e.kind == Kind::maintenance) later(e.lasts, [this, host = e.host] { end_maintenance(host); });
    }

    void meet(const Event& event) {
        if (event.fault != Fault::none) cluster_.world.inject(event.vm, event.fault);
        if (may_end(event.fault)) excused_.insert(event.vm);
    }

    void end_maintenance(const HostId& host) {
        Event end;
        end.kind = Event::Kind::maintenance_ends;
        end.host = host;
        order(end);
    }

    // He has gone there and looked.
    void confirm_lost(Event event) {
        for (const HostId& host : scenario_.hosts) {
            if (cluster_.world.host(host)->powered || leader() == nullptr) continue;
            invariants_.confirmed(host);
            event.host = host;
            order(event);
        }
    }

    void move_by_hand(const Event& event) {
        World& world = cluster_.world;
        const auto on = world.running_on(event.vm);
        if (on.size() != 1 || on.front() == event.host || !world.reaches(on.front(), event.host)) return;
        if (!world.host(on.front())->answers() || !world.host(event.host)->answers()) return;
        const Domain* const there = world.domain(event.host, event.vm);
        // Whoever moves a VM there sees that the host is about to go off.
        if (cluster_.store.entries.contains("/ballast/powerlock/" + event.host.value)) return;
        if (world.domain(on.front(), event.vm)->job || (there != nullptr && there->active())) return;
        world.move_by_hand(event.vm, on.front(), event.host);
    }

    void stop_guest(const VmId& vm, const std::string& how, bool by_guest) {
        const auto on = cluster_.world.running_on(vm);
        if (on.size() != 1) return;
        excused_.insert(vm);
        cluster_.world.stop_domain(on.front(), vm, how, by_guest);
    }

    void heal() {
        healed_ = true;
        cluster_.heal();
        site_.policy.consolidation.enabled = false;
        if (Daemon* const daemon = leader(); daemon != nullptr && scenario_.consolidates)
            daemon->controller()->set_policy(site_.policy);
        for (auto& [host, bmc] : site_.bmcs) {
            bmc.dead = false;
            bmc.lies = bmc.wakes_ignored = 0;
            bmc.of_another = bmc.button_ignored = false;
        }
        cluster_.world.broken.clear();
        site_.problems.clear();
        site_.policy.consolidation.enabled = false;  // or hosts would go off again, one after the other
        if (Daemon* const daemon = leader()) daemon->controller()->set_policy(site_.policy);
    }

    std::string why_not_quiet() {
        Daemon* const daemon = leader();
        if (daemon == nullptr) return "6: nobody leads";
        daemon::Controller& controller = *daemon->controller();
        if (restored_ && controller.paused()) return "6: Ballast stays paused";
        for (const HostId& host : scenario_.hosts)
            if (!controller.maintenance_by(host).empty()) end_maintenance(host);
        for (const Operation& op : controller.active())
            if (!op.alarm && op.state != OperationState::waiting)
                return "6: an operation on " + op.vm.value + " does not end: " + op.message;
        for (const PowerRecord& record : controller.power_records())
            if (record.state != PowerState::on && record.state != PowerState::off && !record.alarm &&
                !waits_for_a_person(controller, record.host))
                return "6: " + record.host.value + " stays " + to_string(record.state) + ": " + record.message;
        for (const Guest& guest : scenario_.guests) {
            const auto on = cluster_.world.running_on(guest.vm).size();
            if (on > 1 && !is_alarmed(controller, guest.vm)) return "1: " + guest.vm.value + " runs twice in the end";
            if (on == 0 && !excused_.contains(guest.vm) && !is_alarmed(controller, guest.vm))
                return "3: " + guest.vm.value + " does not run, and nobody is told";
            if (const auto where = left_on(guest.vm); where && on == 1 && !is_alarmed(controller, guest.vm))
                return "1: " + guest.vm.value + " runs elsewhere, and will be started by " + where->value + " as well";
        }
        return "";
    }

    // VMs of it cannot be started elsewhere, and a person was told why.
    static bool waits_for_a_person(const daemon::Controller& controller, const HostId& host) {
        const auto active = controller.active();
        return std::any_of(active.begin(), active.end(),
                           [&](const Operation& op) { return op.from == host && op.alarm; });
    }

    // Whose next boot would start it although it runs elsewhere.
    std::optional<HostId> left_on(const VmId& vm) {
        for (const HostId& host : scenario_.hosts) {
            const auto& domains = cluster_.world.host(host)->domains;
            const auto there = domains.find(vm);
            if (there != domains.end() && !there->second.active() && there->second.autostart) return host;
        }
        return std::nullopt;
    }

    static bool tells_of_more_down(const std::vector<std::string>& notes, const HostId& host) {
        return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return note.ends_with(" more are down since " + host.value + " was lost");
        });
    }

    static bool is_alarmed(const daemon::Controller& controller, const VmId& vm) {
        for (const Operation& op : controller.active())
            if (op.vm == vm && op.alarm) return true;
        for (const Operation& op : controller.ended())
            if (op.vm == vm && op.state == OperationState::failed) return true;
        for (const std::string& note : controller.last_cycle().notes)
            if (note.starts_with("ALARM: ") && has_word(note, vm.value)) return true;
        for (const VmRecord& record : controller.vms_down())  // of many on one host, the alarm names the first
            if (record.vm == vm && tells_of_more_down(controller.last_cycle().notes, record.host)) return true;
        return false;
    }

    const Scenario& scenario_;
    Site site_;
    Cluster cluster_;
    Invariants invariants_;
    Witness witness_;
    Stage stage_;
    Expectations expectations_;
    std::vector<Cue> cues_;
    std::vector<Event> at_fencing_;
    std::set<VmId> excused_;  // their guest ended, or may have
    bool healed_ = false, restored_ = false;
};
}  // namespace

Outcome run(const Scenario& scenario, bool tracing) {
    Run one(scenario, tracing);
    return one.go();
}

Outcome run(const Script& script, bool tracing) {
    Run one(script.scenario, tracing, &script);
    return one.go();
}

}  // namespace ballast::sim::vopr
