// A placement problem in dense form: hosts and VMs are numbers, resources are slots of an array, and everything that
// never changes while a plan is made (CPU models, networks, storage, pins) is folded into classes. Built once per plan
// from an inventory; the solvers know nothing else. Values only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ballast::policy::solver {

/// CPU by mean and by peak, memory by bound and by use, vCPUs, huge pages, network, disk.
inline constexpr std::size_t max_resources = 8;
using Amounts = std::array<double, max_resources>;

/// Relative: what sums of amounts may be off by.
inline constexpr double rounding = 1e-9;

inline Amounts& add(Amounts& sum, const Amounts& by, double sign = 1) {
    for (std::size_t k = 0; k < max_resources; ++k) sum[k] += sign * by[k];
    return sum;
}
inline constexpr double unlimited = std::numeric_limits<double>::infinity();

using HostIndex = std::uint32_t;
using VmIndex = std::uint32_t;
inline constexpr HostIndex no_host = std::numeric_limits<HostIndex>::max();

/// One dimension. Its share of the score is weight * (population standard deviation, over the hosts that count, of
/// (base + sum of demands) / scale); weight 0 makes it a limit only.
struct Resource {
    std::string name;
    double weight = 0;
};

struct HostSlot {
    Amounts capacity{};  // hard limits after reserve and overcommit; `unlimited` where there is none
    Amounts base{};      // used whatever is placed there: the host itself, what is on its way
    Amounts scale{};     // see Resource; never 0 where the weight is not
    std::uint32_t host_class = 0;
    std::uint32_t domain = 0;  // failure domain, for groups that spread over domains
    bool receives = true;      // may be a target
    bool counts = true;        // takes part in the score
    double vm_penalty = 0;     // in the score for each VM there: a host that ought to be empty
};

struct VmSlot {
    Amounts demand{};
    HostIndex home = no_host;  // where it runs now; no_host: nowhere (a VM to be started)
    std::uint32_t vm_class = 0;
    bool movable = true;
    double move_cost = 1;               // seconds of migration, or 1 where all cost the same
    double weight = 1;                  // of placing it when not all can be placed: more important is larger
    std::vector<std::uint32_t> groups;  // indices into Problem::groups
};

/// At most `most` members on one host (or in one failure domain). Hard ones are never broken by a move; a soft one
/// costs `penalty` in the score for each member too many.
struct Group {
    bool per_domain = false;
    std::uint32_t most = 1;
    bool hard = true;
    double penalty = 0;
};

struct Problem {
    std::vector<Resource> resources;  // at most max_resources
    std::vector<HostSlot> hosts;
    std::vector<VmSlot> vms;
    std::vector<Group> groups;
    // allowed[vm_class * host_classes + host_class]: what no load can change.
    std::uint32_t host_classes = 1;
    std::vector<std::uint8_t> allowed = {1};

    bool may_run(const VmSlot& vm, const HostSlot& host) const {
        return allowed[std::size_t{vm.vm_class} * host_classes + host.host_class] != 0;
    }
};

}  // namespace ballast::policy::solver
