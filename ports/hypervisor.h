// The hosts' hypervisors as the rest of Ballast sees them. Implemented by hypervisor/ on libvirt, by sim/ on
// simulated hosts. Called on the io_context's thread only; every call returns by its deadline (Errors: timed_out,
// unavailable, not_found, refused). A call on one host never waits for another host.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/counters.h"
#include "model/host.h"
#include "model/migration.h"
#include "model/result.h"
#include "model/vm.h"

namespace ballast {

/// Something happened to a VM or a host. A hint: whoever hears it looks again.
struct HypervisorEvent {
    enum class Kind {
        connected,     // vm is empty
        disconnected,  // vm is empty
        vm_started,    // also: arrived by migration
        vm_stopped,    // also: left by migration; see detail
        vm_changed,    // paused, resumed, defined, undefined, metadata, autostart, device added or removed
        switchover,    // its source paused it to hand it over: from here on the target may run it
        migration_iteration,
        job_completed,
        host_changed,  // a storage pool or network came, went or was looked at anew; vm is empty
    };
    Kind kind = Kind::vm_changed;
    HostId host;
    VmId vm;
    std::string detail;
};

class Hypervisor {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~Hypervisor() = default;

    virtual std::vector<HostId> hosts() const = 0;
    virtual Connection connection(HostId host) const = 0;
    /// The last connection or call error of a host, for people; empty when all is well.
    virtual std::string problem(HostId host) const = 0;
    /// When a call on this host last succeeded; nothing before the first one.
    virtual std::optional<Instant> answered_at(HostId host) const = 0;
    /// Tries to connect to a host that is down now, not when its next try is due. Returns at once.
    virtual void reconnect(HostId host) = 0;
    /// The listener is called on the io_context's thread.
    virtual void on_event(std::function<void(const HypervisorEvent&)> listener) = 0;

    // What is there.
    virtual Task<HostFacts> facts(HostId host) = 0;
    /// One bulk statistics pass. Fails as a whole: a partial reading is never returned.
    virtual Task<HostReading> read(HostId host) = 0;
    virtual Task<VmFacts> vm_facts(HostId host, VmId vm) = 0;
    virtual Task<Presence> presence(HostId host, VmId vm) = 0;
    /// The domain XML from which it would be started next, without secrets.
    virtual Task<std::string> definition(HostId host, VmId vm) = 0;

    /// What a definition says, asking nobody. Error corrupt: it is none.
    virtual Result<VmFacts> facts_of(const std::string& definition) const = 0;

    /// Starts a VM that runs nowhere: its memory, CPU, networks and pools are checked first (Error: refused), then it
    /// is defined, where it is persistent, and started. After any other error it may run all the same: look.
    virtual Task<void> start(StartRequest request) = 0;

    /// Creates an empty image of this size and format for a disk to be copied to. Error conflict: something of this
    /// name exists, which is left as it is; any other: it may exist all the same.
    virtual Task<void> create_image(HostId host, DiskCopy disk) = 0;
    /// Removes an image. Done as well when there is none.
    virtual Task<void> remove_image(HostId host, std::string file) = 0;

    // Migration. `migrate` returns when libvirt's call returns, whatever that means for the guest: look at both hosts.
    /// The domain XML with which it would arrive elsewhere.
    virtual Task<std::string> migratable_definition(HostId source, VmId vm) = 0;
    /// Asked of the target just before the start, with that definition: memory, CPU, name and UUID free, storage and
    /// networks present, and a place with enough room for each disk to be copied.
    /// An error of code `refused` says why not.
    virtual Task<void> can_accept(MigrationRequest request, std::string definition) = 0;
    virtual Task<void> migrate(MigrationRequest request) = 0;
    virtual Task<MigrationProgress> progress(HostId host, VmId vm) = 0;
    /// Statistics of the last completed migration, kept by the host where it ended.
    virtual Task<MigrationProgress> completed(HostId host, VmId vm) = 0;
    virtual Task<void> abort_migration(HostId source, VmId vm) = 0;
    virtual Task<void> set_max_downtime(HostId source, VmId vm, Duration downtime) = 0;
    virtual Task<void> start_post_copy(HostId source, VmId vm) = 0;

    // Clean-up after a migration that did not end well, and what does not travel by itself.
    virtual Task<void> resume(HostId host, VmId vm) = 0;
    virtual Task<void> destroy(HostId host, VmId vm) = 0;
    virtual Task<void> undefine(HostId host, VmId vm) = 0;
    virtual Task<void> set_autostart(HostId host, VmId vm, bool autostart) = 0;
};

}  // namespace ballast
