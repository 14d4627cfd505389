// What a host can give to guests once the operator's reserve is taken off.
#pragma once

#include <map>
#include <optional>

#include "model/host.h"
#include "model/vm.h"
#include "policy/options.h"

namespace ballast::policy {

/// CPUs for guests; zero when the host's facts are not known.
double usable_cpus(const Host& host, const Options& options);
/// vCPUs that may be promised; nothing where the policy sets no limit.
std::optional<double> vcpu_limit(const Host& host, const Options& options);

/// Memory that stays free on the host whatever is planned.
Bytes reserved_memory(const Host& host, const Options& options);
/// Ordinary memory that may be promised to VMs: with overcommit, less the reserve and less what huge pages take.
Bytes allocatable_memory(const Host& host, const Options& options);
/// Ordinary memory that can be kept for VMs alone: the same without overcommit.
Bytes reservable_memory(const Host& host, const Options& options);

/// Huge pages of one size on a host, in bytes.
struct HugePages {
    Bytes total;
    Bytes committed;                // VMs on it, coming and leaving
    std::optional<Bytes> measured;  // free ones, less what is coming
};
/// The host's huge pages by page size, nothing committed yet.
std::map<Bytes, HugePages> huge_pages_of(const Host& host);
/// What the VM needs of this host's huge pages, by page size. Where its definition names no size, that is the smallest
/// the host has: the kernel's default on x86. Size 0 stays where the host has none at all.
std::map<Bytes, Bytes> huge_pages_on(const Host& host, const Vm& vm);

/// Demand over capacity; zero where there is no capacity (such a host is never a target).
double ratio_of(double demand, double capacity);

}  // namespace ballast::policy
