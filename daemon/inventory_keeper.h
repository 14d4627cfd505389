// Keeps what the samplers and events say and builds the inventory the policy sees. One io_context thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectors/rates.h"
#include "config/daemon_options.h"
#include "model/inventory.h"
#include "model/migration.h"
#include "model/operation.h"
#include "ports/hypervisor.h"

namespace ballast::daemon {

/// A VM that two hosts report running at once.
struct DoubleRun {
    VmId vm;
    HostId first, second;
};

/// A VM that has been paused for minutes, and not by its user.
struct Stuck {
    VmId vm;
    std::vector<HostId> hosts;  // its own first, then others that have a copy
    Presence::PauseReason why = Presence::PauseReason::none;
};

/// What the policy shall know of an operation that ended at `ended`.
PastMove past_move(const Operation& operation, Instant ended);

class InventoryKeeper {
public:
    void configure(const config::DaemonOptions& options);

    // What is heard.
    void host_facts(const HostId& host, HostFacts facts);
    /// What it offered when it was last on, as long as it has not told itself. Which paths are shared stays as
    /// declared.
    void presume_facts(const HostId& host, HostFacts facts);
    /// Told of this VM so far. What is read after it has it in.
    std::uint64_t changes_of(const VmId& vm);
    /// `changes`: changes_of() before it was read.
    void vm_facts(const VmId& vm, VmFacts facts, std::uint64_t changes);
    void sampled(const HostId& host, const collectors::Sample& sample);
    /// What its last sample told was still the case then.
    void unchanged(const HostId& host, Instant as_of);
    void connection(const HostId& host, Connection connection, std::string problem);
    /// `to_site`: where its VMs leave to; empty: they stay in its own.
    void maintenance(const HostId& host, bool on, const std::string& to_site = "");
    void health(const HostId& host, std::vector<HealthProblem> problems);
    /// An operation ended: remembered for cooldown, and so that its move is not taken for one by hand.
    void operation_ended(const Operation& operation, Instant now);
    /// A VM that was thought to be on `from` is `to`'s.
    void belongs(const VmId& vm, const HostId& from, const HostId& to, Instant now) { place(vm, from, to, now); }
    /// Somebody else moved it.
    void moved_by_hand(const VmId& vm, const HostId& from, const HostId& to, Instant now);
    /// A move from before this daemon's start, from the journal, or one that an operator declined.
    void remember(PastMove move) { past_moves_.push_back(std::move(move)); }
    /// A VM that ran there when the daemon before this one last saw it. Ignored once the host has been sampled.
    void presume(const VmId& vm, const HostId& host, const std::string& name, std::optional<VmFacts> facts);
    /// Its definition may have changed: vm_facts_wanted() names it again. What was known holds for a VM of a host that
    /// cannot be asked any more.
    void outdate_facts(const VmId& vm);
    /// Nobody wants it any more; ignored where a sample shows it.
    void forget(const VmId& vm, const HostId& host);

    /// Running VMs on this host whose definition is not known.
    std::vector<VmId> vm_facts_wanted(const HostId& host) const;
    /// Those, and VMs with blockers that pass without an event: somebody deletes a snapshot, a backup ends.
    std::vector<VmId> vm_facts_due(const HostId& host) const;
    /// Running or paused VMs that are this host's own: not arrivals, and not the second of a double run.
    std::vector<VmId> running_on(const HostId& host) const;
    Inventory build(Instant now, const std::vector<Operation>& active) const;
    std::vector<DoubleRun> double_runs() const;
    /// VMs that this host has had paused for minutes, and that run nowhere: why, it has to be asked.
    std::vector<VmId> long_paused(const HostId& host) const;
    void paused_because(const VmId& vm, const HostId& host, Presence::PauseReason why);
    std::vector<Stuck> stuck() const;
    bool in_maintenance(const HostId& host) const { return hosts_.contains(host) && hosts_.at(host).maintenance; }
    std::string site_of(const HostId& host) const { return knows(host) ? hosts_.at(host).site : ""; }
    bool knows(const HostId& host) const { return hosts_.contains(host); }
    /// When what its last sample told was still the case; nothing: it was never sampled.
    std::optional<Instant> sampled_at(const HostId& host) const {
        return knows(host) ? hosts_.at(host).sampled_at : std::nullopt;
    }
    /// Whether that shows this VM, running or paused.
    bool has(const HostId& host, const VmId& vm) const;
    bool is_up(const HostId& host) const { return knows(host) && hosts_.at(host).connection == Connection::up; }
    std::optional<VmId> find_vm(const std::string& name_or_uuid) const;

private:
    struct Owner {
        HostId host;
        Instant since;  // zero: since before this daemon began
        Instant last_seen;
    };
    struct KnownFacts {
        VmFacts facts;
        std::uint64_t revision = 0;              // 0: it was never read
        std::uint64_t changes = 0, read_at = 0;  // told, and how many of them were when it was read
        bool is_known() const { return revision != 0 && read_at == changes; }
    };
    struct Twice {
        HostId first, second;
        Instant since;
    };
    struct Paused {
        HostId host;
        Instant since;
        Presence::PauseReason why = Presence::PauseReason::none;
    };

    void notice_paused(const HostId& host, const collectors::Sample& sample);
    void notice_owner(const VmId& vm, const HostId& host, Instant at);
    void notice_double_runs(const std::set<VmId>& concerned, Instant at);
    void forget_gone_vms(Instant now);
    void show(const HostId& host, const VmId& vm, collectors::Sample::SampledVm sampled);
    void hide(const HostId& host, const VmId& vm);
    bool knows_facts(const VmId& vm) const;
    void place(const VmId& vm, const HostId& from, const HostId& to, Instant now);

    std::map<HostId, Host> hosts_;
    Duration stale_after_{};
    std::map<HostId, std::map<VmId, collectors::Sample::SampledVm>> seen_;
    std::map<HostId, Instant> looked_at_;      // when it was last sampled, rather than told to be unchanged
    std::map<VmId, std::set<HostId>> places_;  // seen_ the other way round
    std::map<VmId, KnownFacts> facts_;
    std::uint64_t facts_revision_ = 0;  // the last one given: each is given once
    std::map<VmId, Owner> owners_;
    std::map<VmId, Twice> twice_;      // seen running on two hosts
    std::map<VmId, Paused> paused_;    // on its own host, and running on none
    std::map<VmId, HostId> expected_;  // where our own operations put them
    std::optional<Instant> forgot_at_;
    std::deque<PastMove> past_moves_;
};

}  // namespace ballast::daemon
