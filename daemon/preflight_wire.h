// What preflight asks members and they answer, as JSON: one line a field (interchange/fields.h).
#pragma once

#include "cluster/wire.h"
#include "daemon/preflight_script.h"
#include "hypervisor/preflight.h"

namespace ballast::hypervisor {

inline std::string to_string(CpuAnswer answer) {
    constexpr const char* words[] = {"runs", "does_not_run", "unknown"};
    return words[std::min(static_cast<std::size_t>(answer), std::size(words) - 1)];
}

}  // namespace ballast::hypervisor

namespace ballast::interchange {

template <>
struct Described<hypervisor::PreflightVolume> {
    using T = hypervisor::PreflightVolume;
    static constexpr auto fields =
        std::tuple{field("path", &T::path), field("size_bytes", &T::size), field("changed_at", &T::changed_at)};
};
template <>
struct Described<hypervisor::PreflightPool> {
    using T = hypervisor::PreflightPool;
    static constexpr auto fields = std::tuple{
        field("name", &T::name),
        field("type", &T::type),
        field("path", &T::path),
        field("source", &T::source),
        field("active", &T::active),
        field("capacity_bytes", &T::capacity),
        field("available_bytes", &T::available),
        field("volumes", &T::volumes),
    };
};
template <>
struct Described<hypervisor::PreflightGuest> {
    using T = hypervisor::PreflightGuest;
    static constexpr auto fields = std::tuple{
        required("id", &T::id),      field("running", &T::running), field("paused", &T::paused),
        field("moving", &T::moving), field("facts", &T::facts),     field("cpu_xml", &T::cpu_xml),
    };
};
template <>
struct Described<hypervisor::PreflightFacts> {
    using T = hypervisor::PreflightFacts;
    static constexpr auto fields = std::tuple{
        required("host", &T::host),
        field("uri", &T::uri),
        field("memory_available_bytes", &T::memory_available),
        field("cpu_features", &T::cpu_features),
        field("cpu_xmls", &T::cpu_xmls),
        field("inactive_networks", &T::inactive_networks),
        field("pools", &T::pools),
        field("guests", &T::guests),
        field("unread", &T::unread),
    };
};
template <>
struct Described<hypervisor::CpuQuestion> {
    using T = hypervisor::CpuQuestion;
    static constexpr auto fields =
        std::tuple{required("virt_type", &T::virt_type), field("arch", &T::arch), required("cpu_xml", &T::cpu_xml)};
};
template <>
struct Described<hypervisor::PeerIdentity> {
    using T = hypervisor::PeerIdentity;
    static constexpr auto fields = std::tuple{field("hostname", &T::hostname), field("uuid", &T::uuid)};
};
template <>
struct Described<daemon::preflight::ScriptQuestions> {
    using T = daemon::preflight::ScriptQuestions;
    static constexpr auto fields =
        std::tuple{field("paths", &T::paths), field("hostnames", &T::hostnames), field("peer_uris", &T::peer_uris)};
};

}  // namespace ballast::interchange
