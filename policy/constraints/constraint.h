// What forbids a move: one rule a file, gathered in one explicit ordered list (list.cc). A rule adds its objections,
// with figures, and knows nothing of the other rules.
#pragma once

#include <string>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// For whom is asked: what holds for relief need not hold for an operator's own command or for maintenance.
enum class Purpose { relief, evacuation, manual };

/// Reason and detail; whom it concerns is known by who asked.
using Objections = std::vector<Blocker>;

/// Of a VM wherever it should go.
using VmCheck = void (*)(const ClusterView&, const Vm&, Purpose, Objections&);
/// Of a VM on one target.
using TargetCheck = void (*)(const ClusterView&, const Vm&, const Host& target, Purpose, Objections&);

/// Everything that keeps the VM where it is, in the order of the list; empty when it may leave.
std::vector<Rejection> vm_refusals(const ClusterView& view, const Vm& vm, Purpose purpose);
/// Everything that keeps it from this target, given that it may leave at all.
std::vector<Rejection> target_refusals(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose);

namespace constraints {
void facts(const ClusterView&, const Vm&, Purpose, Objections&);
void state(const ClusterView&, const Vm&, Purpose, Objections&);
void opt_out(const ClusterView&, const Vm&, Purpose, Objections&);
void blockers(const ClusterView&, const Vm&, Purpose, Objections&);
void already_moving(const ClusterView&, const Vm&, Purpose, Objections&);
void source_state(const ClusterView&, const Vm&, Purpose, Objections&);
void cooldown(const ClusterView&, const Vm&, Purpose, Objections&);
void local_storage(const ClusterView&, const Vm&, Purpose, Objections&);

void same_host(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void host_state(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void pins(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void keep_apart(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void machine_type(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void cpu_model(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void network(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void storage(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void memory(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void cpu(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void after_failure(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
void limits(const ClusterView&, const Vm&, const Host&, Purpose, Objections&);
}  // namespace constraints

}  // namespace ballast::policy
