// Where the members of a cluster meet in the store.
//   /ballast/cluster/leader              leased: who leads. Its create revision is the term.
//   /ballast/cluster/agents/<host>       leased: who looks after the host. Its create revision is the incarnation.
//   /ballast/cluster/hosts/<host>        the host's machine and its last boot, JSON; stays
//   /ballast/cluster/calls/<host>/<id>   what the leader wants of the host's agent, JSON (calls.h)
//   /ballast/cluster/answers/<host>/<id> what became of it, JSON
//   /ballast/cluster/requests/<id>, replies/<id>   what operators ask at other members (requests.h)
//   /ballast/cluster/findings/<host>     what its member found out about it and about itself, JSON (findings.h); stays
//   /ballast/cluster/events/<host>       the last things that its hypervisor said, JSON
//   /ballast/closed                      present: no daemon uses this store, and why, for people (store_archive.h)
//   /ballast/cluster/reports/<host>      its last sample worth telling, JSON (report.h)
#pragma once

#include <string>

#include "model/ids.h"

namespace ballast::cluster {

inline constexpr const char* closed_key = "/ballast/closed";
inline constexpr const char* cluster_prefix = "/ballast/cluster/";
inline constexpr const char* leader_key = "/ballast/cluster/leader";
inline constexpr const char* agents_prefix = "/ballast/cluster/agents/";
inline constexpr const char* hosts_prefix = "/ballast/cluster/hosts/";
inline constexpr const char* calls_prefix = "/ballast/cluster/calls/";
inline constexpr const char* answers_prefix = "/ballast/cluster/answers/";
inline constexpr const char* requests_prefix = "/ballast/cluster/requests/";
inline constexpr const char* replies_prefix = "/ballast/cluster/replies/";
inline constexpr const char* events_prefix = "/ballast/cluster/events/";
inline constexpr const char* findings_prefix = "/ballast/cluster/findings/";
inline constexpr const char* reports_prefix = "/ballast/cluster/reports/";

inline std::string agent_key(const HostId& host) {
    return agents_prefix + host.value;
}
inline std::string host_key(const HostId& host) {
    return hosts_prefix + host.value;
}
inline std::string calls_of(const HostId& host) {
    return calls_prefix + host.value + "/";
}
inline std::string answers_of(const HostId& host) {
    return answers_prefix + host.value + "/";
}
inline std::string events_key(const HostId& host) {
    return events_prefix + host.value;
}
inline std::string findings_key(const HostId& host) {
    return findings_prefix + host.value;
}
inline std::string report_key(const HostId& host) {
    return reports_prefix + host.value;
}

}  // namespace ballast::cluster
