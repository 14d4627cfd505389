// What must never happen, whatever goes wrong [design: docs/simulator.md]: looked at in everything the store takes, in
// every start of a guest, and after every step.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "sim/sim_cluster.h"
#include "sim/vopr/scenario.h"

namespace ballast::cluster {
struct Call;
}

namespace ballast::sim::vopr {

class Invariants {
public:
    /// From now on, as long as both are there.
    Invariants(Cluster& cluster, const Scenario& scenario);
    Invariants(const Invariants&) = delete;
    Invariants& operator=(const Invariants&) = delete;

    /// The first one that was broken, with what broke it.
    const std::optional<std::string>& broken() const { return broken_; }
    void step();
    /// Of guests, migrations aside.
    unsigned starts() const { return starts_; }
    /// What was under way is gone from the store, and whoever split in two then is for a person to settle.
    void restored() {
        operations_.clear();
        restored_ = true;
    }
    /// A person has answered for it that this host is off.
    void confirmed(const HostId& host) { confirmed_.insert(host); }

    /// The leader on this host, as it takes itself to be, has some host switched off.
    void ordering_power(const HostId& from);
    /// It has power still.
    void losing_power(const HostId& host);

private:
    struct Author;
    struct Seen {  // an operation as the store has it
        VmId vm;
        HostId from, to;
        bool migrates = false;
        bool holds_slot = false;
        bool alarmed = false;  // once at least
    };

    void committing(const Transaction& transaction);
    void look_at(const Change& change, const Author& author);
    void look_at_claim(const std::string& key, const cluster::Call& call);
    void look_at_owner(const Change& change);
    void look_at_operation(const Change& change);
    void look_at_lock(const Change& change);
    void look_at_power(const Change& change);
    void look_at_fencing(const HostId& host);
    void look_at_switching_off(const HostId& host);
    void going_down(const HostId& host);
    void look_at_registration(const Change& change);
    bool is_heard(const HostId& host) const;
    void watch_silence();
    void count_slots();
    void starting(const HostId& on, const VmId& vm);
    bool is_claimed(const HostId& on, const VmId& vm) const;
    void breaks(const std::string& what);

    Cluster& cluster_;
    std::vector<const SimHost*> hosts_;
    std::map<VmId, std::size_t> numbers_;  // in the order in which they are built
    std::vector<Instant> twice_since_;
    std::vector<unsigned> running_;
    bool was_twice_ = false;                  // at the last step, any VM
    std::map<std::string, Seen> operations_;  // by key; those that have not ended
    std::map<HostId, unsigned> boots_at_fencing_;
    HostId leader_;
    std::map<HostId, Instant> last_led_;      // as the store has it
    std::map<HostId, Instant> silent_since_;  // neither that leader nor the store hears of it
    Instant watched_{};
    std::set<HostId> confirmed_;
    bool restored_ = false;
    unsigned starts_ = 0;
    std::optional<std::string> broken_;
};

}  // namespace ballast::sim::vopr
