// What forbids a move, and what only speaks against a target: one rule a file, gathered in explicit ordered lists
// (list.cc). A rule adds its objections, with figures, and knows nothing of the other rules.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// Reason and detail; whom it concerns is known by who asked.
using Objections = std::vector<Blocker>;

/// Of a VM wherever it should go.
using VmCheck = void (*)(const Context&, const Vm&, Purpose, Objections&);
/// Of a VM on one target, by what no load and no move can change: facts of the VM, of the target and of the VM's own
/// host, and rules that name hosts. Equal facts give equal verdicts: see classes.h.
using StaticCheck = void (*)(const Context&, const Vm&, const Host& target, Objections&);
/// Of a VM on one target, by what is going on: state, load, memory, other VMs, moves.
using DynamicCheck = void (*)(const ClusterView&, const Vm&, const Host& target, Purpose, Objections&);
/// Soft rules that the VM's stay on this host would break, each as a text such as "rule ssd prefers host2".
using PreferenceCheck = void (*)(const ClusterView&, const Vm&, const Host& target, std::vector<std::string>&);

/// Everything that keeps the VM where it is, in the order of the list; empty when it may leave. The one verdict that
/// all planners share: worked out once for a context and purpose.
const std::vector<Rejection>& vm_refusals(const Context& context, const Vm& vm, Purpose purpose);

/// Everything that keeps it from this target, given that it may leave at all.
std::vector<Rejection> target_refusals(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose);
/// Whether target_refusals() would be empty; stops at the first objection.
bool accepts(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose);

/// The two parts of accepts(). What statically_accepts() says holds for a whole plan.
bool statically_accepts(const Context& context, const Vm& vm, const Host& target);
/// What static checks ask about; classes.cc knows what each part reads of VMs and of hosts.
enum class StaticPart : std::uint8_t { pins, site, machine, numa, pages, network, storage };
inline constexpr std::size_t static_parts = 7;
bool statically_accepts(const Context& context, const Vm& vm, const Host& target, StaticPart part);
bool dynamically_accepts(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose);

/// The soft rules the VM would break on this host; the fewer, the better the target.
std::vector<std::string> broken_preferences(const ClusterView& view, const Vm& vm, const Host& target);

namespace constraints {
void facts(const Context&, const Vm&, Purpose, Objections&);
void state(const Context&, const Vm&, Purpose, Objections&);
void opt_out(const Context&, const Vm&, Purpose, Objections&);
void blockers(const Context&, const Vm&, Purpose, Objections&);
void already_moving(const Context&, const Vm&, Purpose, Objections&);
void source_state(const Context&, const Vm&, Purpose, Objections&);
void cooldown(const Context&, const Vm&, Purpose, Objections&);
void windows(const Context&, const Vm&, Purpose, Objections&);
void local_storage(const Context&, const Vm&, Purpose, Objections&);

void pins(const Context&, const Vm&, const Host&, Objections&);
void site(const Context&, const Vm&, const Host&, Objections&);
void machine_type(const Context&, const Vm&, const Host&, Objections&);
void cpu_model(const Context&, const Vm&, const Host&, Objections&);
void numa(const Context&, const Vm&, const Host&, Objections&);
void page_sizes(const Context&, const Vm&, const Host&, Objections&);
void network(const Context&, const Vm&, const Host&, Objections&);
void storage(const Context&, const Vm&, const Host&, Objections&);
void storage_between_sites(const Context&, const Vm&, const Host&, Objections&);

void same_host(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void host_state(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void site_asked_for(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void unshared(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void spread(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void keep_together(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void memory(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void huge_pages(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void overcommit(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void reservation(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void cpu(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void admission(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void no_return(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void after_failure(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void limits(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void limit_sites(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void disk_space(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);

void soft_pins(const ClusterView&, const Vm&, const Host&, std::vector<std::string>&);
void soft_spread(const ClusterView&, const Vm&, const Host&, std::vector<std::string>&);
void soft_together(const ClusterView&, const Vm&, const Host&, std::vector<std::string>&);
}  // namespace constraints

}  // namespace ballast::policy
