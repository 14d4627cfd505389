// What preflight found out about the hosts, before anybody judges it, and what the judgement looks like. Values only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/preflight.h"

namespace ballast::daemon::preflight {

enum class Status { ok, unknown, warning, problem };  // from good to bad
std::string to_string(Status status);

struct Finding {
    Status status = Status::ok;
    std::string finding;  // what was seen
    std::string advice;   // what to do; empty when nothing
    friend bool operator==(const Finding&, const Finding&) = default;
};

struct Check {
    HostId host;
    std::string id;  // one of docs/preflight.md
    Finding result;
};

struct FileSystem {
    std::string type;    // "nfs4", "ext4"
    std::string source;  // device or server:/export
    std::optional<Bytes> size, available;
};

/// How far a host's clock is ahead of ours: somewhere between the two.
struct ClockSkew {
    double low_s = 0, high_s = 0;
};

/// How one host's attempt to connect to another's peer URI ended.
struct PeerAnswer {
    enum class Kind { reached, failed, no_virsh } kind = Kind::failed;
    std::string text;  // the host name that answered, or why not
};

/// The units that every way to suspend a host by systemd or logind goes through [systemd.special(7)].
inline constexpr const char* sleep_target_names[] = {"sleep.target", "suspend.target", "hibernate.target",
                                                     "hybrid-sleep.target", "suspend-then-hibernate.target"};

/// What a shell on the host said: of this machine itself, or by ssh. A missing entry was not answered.
struct ShellFacts {
    bool complete = false;  // false: it was cut off at the deadline
    bool root = false;
    std::string user;
    std::optional<ClockSkew> skew;
    std::map<std::string, FileSystem> file_systems;  // by the path asked for
    bool qemu_conf_read = false;
    std::map<std::string, std::string> qemu_conf;  // settings that are not left at their default
    std::map<std::string, bool> resolves;          // host name -> whether it has an address there
    std::map<HostId, PeerAnswer> peers;
    std::map<std::string, std::string> sleep_targets;  // systemd's LoadState by unit; empty: it did not say
};

struct PreflightHost {
    HostId id;
    /// A daemon looks at it from the machine itself.
    bool seen_from_itself() const { return local || by_member; }

    std::string uri;         // as this daemon reaches it
    std::string peer_uri;    // as the other hosts reach it
    std::string site{};      // data centre it stands in
    bool local = false;      // it is this machine
    bool by_member = false;  // its own daemon looks at it
    std::string problem;     // why libvirt could not be asked
    std::optional<hypervisor::PreflightFacts> libvirt;
    std::optional<ShellFacts> shell;
    std::string no_shell;                                           // why there is no shell
    std::map<HostId, Result<hypervisor::PeerIdentity>> reached;     // from there, by the daemon there
    std::map<hypervisor::CpuQuestion, hypervisor::CpuAnswer> cpus;  // what it said of others' CPUs
};

struct PreflightCluster {
    std::vector<PreflightHost> hosts;
    std::map<std::string, std::string> common_cpus;  // virtualisation type -> <cpu> that all hosts can offer
    std::string state_dir;                           // of this daemon
};

}  // namespace ballast::daemon::preflight
