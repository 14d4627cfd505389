// What only a preflight wants to know of a host: storage pools with their volumes, all guests, CPUs as XML for
// comparing. Looks only, changes nothing: pools are not refreshed, because libvirt deactivates a pool whose refresh
// fails. In a lane's thread, slow calls allowed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hypervisor/handles.h"
#include "model/host.h"
#include "model/vm.h"

namespace ballast::hypervisor {

/// `changed_at` is the inode's ctime in seconds and nanoseconds as the host reads it now: no copy has the same.
struct PreflightVolume {
    std::string path;
    Bytes size;
    std::string changed_at;  // "1795343012.175927084"; empty: unknown
    friend bool operator==(const PreflightVolume&, const PreflightVolume&) = default;
};

struct PreflightPool {
    std::string name;
    std::string type;    // "dir", "netfs", ...
    std::string path;    // may be empty
    std::string source;  // "server:/export" where the pool names one, else empty
    bool active = false;
    std::optional<Bytes> capacity, available;  // as of libvirt's last look
    std::vector<PreflightVolume> volumes;      // the first ones by path, bounded
};

struct PreflightGuest {
    VmId id;
    bool running = false;  // or paused: it has memory there
    bool paused = false;
    bool moving = false;  // a migration of it is under way
    VmFacts facts;
    std::string cpu_xml;  // as a migration would carry it; empty: none
};

struct PreflightFacts {
    HostFacts host;
    std::string uri;  // as libvirt resolved it
    std::optional<Bytes> memory_available;
    std::set<std::string> cpu_features;           // of the physical CPU, expanded; empty: unknown
    std::map<std::string, std::string> cpu_xmls;  // virtualisation type -> the host model, for baselines
    std::set<std::string> inactive_networks;
    std::vector<PreflightPool> pools;
    std::vector<PreflightGuest> guests;  // also those that are shut off
    std::vector<std::string> unread;     // what could not be read, and why
};

Result<PreflightFacts> read_preflight_facts(virConnectPtr connection, const std::string& host);
/// The same without guests, volumes and networks: what holds up neither a guest nor hangs with its storage.
Result<PreflightFacts> read_fitness(virConnectPtr connection, const std::string& host);

/// Whether a host could run a CPU.
struct CpuQuestion {
    std::string virt_type, arch, cpu_xml;
    friend auto operator<=>(const CpuQuestion&, const CpuQuestion&) = default;
};
enum class CpuAnswer { runs, does_not_run, unknown };

/// One answer a question, in their order.
std::vector<CpuAnswer> compare_cpus(virConnectPtr connection, const std::vector<CpuQuestion>& questions);

/// The richest CPU that all of `cpu_xmls` can offer, as libvirt's XML. Error: this libvirt cannot tell.
Result<std::string> common_cpu(virConnectPtr connection, const std::string& virt_type,
                               const std::vector<std::string>& cpu_xmls);

/// The host that answers at a URI, opened in a lane of its own.
struct PeerIdentity {
    std::string hostname;
    std::string uuid;  // of the host, from its capabilities
};
Result<PeerIdentity> read_identity(virConnectPtr connection);

// From libvirt's XML. Pure; empty or nothing where it is no such XML.
PreflightPool pool_from_xml(const std::string& xml);
PreflightVolume volume_from_xml(const std::string& xml);
std::string host_uuid_from(const std::string& capabilities_xml);
/// <host><cpu> of the capabilities, alone.
std::string host_cpu_from(const std::string& capabilities_xml);
std::set<std::string> features_from_cpu_xml(const std::string& cpu_xml);

}  // namespace ballast::hypervisor
