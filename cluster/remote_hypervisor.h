// The hosts' hypervisors as the leader sees them: through their agents, by calls in the store. A host is connected
// while its agent is registered, and has answered when its agent last beat. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <vector>

#include "cluster/agent.h"
#include "cluster/calls.h"
#include "cluster/follower.h"
#include "cluster/registration.h"
#include "ports/hypervisor.h"

namespace ballast::cluster {

class RemoteHypervisor : public Hypervisor {
public:
    /// `facts_of`: reads a definition, asking nobody. `store` and `caller` are those of the term.
    RemoteHypervisor(boost::asio::any_io_executor executor, Clock& clock, Store& store, Caller& caller,
                     std::vector<HostId> hosts, std::function<Result<VmFacts>(const std::string& definition)> facts_of);

    /// Reads who is registered, and follows. Errors: the store's.
    Task<void> start();

    /// The boot of a host as its agent told when it registered last; empty: never.
    std::string boot_of(const HostId& host) const;
    /// The newest protocol that its agent and this daemon speak; nothing: it is not registered, or there is none. What
    /// needs a newer one is not asked of it.
    std::optional<int> protocol(const HostId& host) const;
    /// `listener` hears of each agent that speaks no protocol of ours, and why it is not asked for anything. Before
    /// start().
    void on_refused(std::function<void(const HostId&, const std::string& why)> listener) {
        refused_ = std::move(listener);
    }
    /// Of the agent that is registered; nothing: none is.
    std::optional<Revision> incarnation_of(const HostId& host) const;
    /// The listener hears of each agent that is registered from now on, or anew.
    void on_registration(std::function<void(const HostId&)> listener) { registered_ = std::move(listener); }

    std::vector<HostId> hosts() const override;
    Connection connection(HostId host) const override;
    std::string problem(HostId host) const override;
    std::optional<Instant> answered_at(HostId host) const override;
    void reconnect(HostId) override {}  // an agent comes by itself
    void on_event(std::function<void(const HypervisorEvent&)> listener) override;

    Task<HostFacts> facts(HostId host) override;
    /// Its time is ours: what it was by the host's clock, moved by what the two differ.
    Task<HostReading> read(HostId host) override;
    Task<VmFacts> vm_facts(HostId host, VmId vm) override;
    Task<Presence> presence(HostId host, VmId vm) override;
    Task<std::string> definition(HostId host, VmId vm) override;
    Result<VmFacts> facts_of(const std::string& definition) const override { return facts_of_(definition); }
    Task<void> start(StartRequest request) override;
    Task<void> create_image(HostId host, DiskCopy disk) override;
    Task<void> remove_image(HostId host, std::string file) override;
    Task<std::string> migratable_definition(HostId source, VmId vm) override;
    Task<void> can_accept(MigrationRequest request, std::string definition) override;
    Task<void> migrate(MigrationRequest request) override;
    Task<MigrationProgress> progress(HostId host, VmId vm) override;
    Task<MigrationProgress> completed(HostId host, VmId vm) override;
    Task<void> abort_migration(HostId source, VmId vm) override;
    Task<void> set_max_downtime(HostId source, VmId vm, Duration downtime) override;
    Task<void> start_post_copy(HostId source, VmId vm) override;
    Task<void> resume(HostId host, VmId vm) override;
    Task<void> destroy(HostId host, VmId vm) override;
    Task<void> undefine(HostId host, VmId vm) override;
    Task<void> set_autostart(HostId host, VmId vm, bool autostart) override;

private:
    struct Remote {
        bool registered = false;
        Revision without_libvirt = 0;  // when an agent told last that it has lost its libvirt; 0: it has it since
        bool told_up = false;          // the listeners take it for connected
        Revision incarnation = 0;      // of the agent that is or was registered
        std::string said{};            // by it, which says the following
        AgentIdentity identity;
        std::string refused{};  // not empty: why nothing is asked of its agent
        std::optional<Instant> answered;
        std::optional<Duration> ahead;  // of our clock, that of the host's boot, by the reading that came fastest
        Revision session = 0;           // of the events last heard
        std::uint64_t last_event = 0;
    };

    template <class T>
    Task<T> look(HostId host, std::string method, boost::json::object arguments);
    /// As look(), of what can wait: only some hosts at a time are asked, so that a thousand of them keep no beat
    /// waiting.
    template <class T>
    Task<T> look_in_turn(HostId host, std::string method, boost::json::object arguments);
    Task<void> change(HostId host, std::string method, boost::json::object arguments, Duration within);

    void agent_there(const KeyValue& entry, Noticed how);
    void agent_gone(const HostId& host);
    void heard_events(const KeyValue& entry, Noticed how);
    bool is_registered(const HostId& host) const;
    void emit(const HypervisorEvent& event) const;
    void missed_events(const HostId& host);
    void tell_connection(const HostId& host, const std::string& why);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Caller& caller_;
    std::function<Result<VmFacts>(const std::string&)> facts_of_;
    Turns turns_;
    std::map<HostId, Remote> remotes_;
    std::function<void(const HostId&, const std::string&)> refused_;
    std::function<void(const HostId&)> registered_;
    std::vector<std::function<void(const HypervisorEvent&)>> listeners_;
    Follower agents_, events_;
};

}  // namespace ballast::cluster
