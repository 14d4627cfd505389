// Which hosts can be a target at all, and which a source.
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"

namespace ballast::policy::constraints {

namespace {

std::string or_else(const std::string& text, const char* otherwise) {
    return text.empty() ? otherwise : text;
}

void reachable(const Host& host, const std::string& whose, Objections& out) {
    if (host.power != PowerState::on)
        out.push_back({Reason::host_off, whose + to_string(host.power)});
    else if (host.connection != Connection::up)
        out.push_back({Reason::host_unreachable, whose + or_else(host.problem, "no connection")});
    else if (!is_fresh(host))
        out.push_back({Reason::host_stale, whose + or_else(host.problem, "no recent sample")});
}

}  // namespace

void source_state(const Context& context, const Vm& vm, Purpose, Objections& out) {
    const Host* source = context.guest_of(vm.id).on;
    if (source == nullptr)
        out.push_back({Reason::host_unreachable, "its host " + vm.host.value + " is not known"});
    else
        reachable(*source, "its own host: ", out);
}

void same_host(const ClusterView&, const Vm& vm, const Host& target, Purpose, Objections& out) {
    if (vm.host == target.id) out.push_back({Reason::same_host, ""});
}

void host_state(const ClusterView& view, const Vm&, const Host& target, Purpose purpose, Objections& out) {
    reachable(target, "", out);
    if (target.maintenance) out.push_back({Reason::host_maintenance, ""});
    if (view.context().health.action(target) >= HealthAction::cordon)
        out.push_back({Reason::host_degraded, view.context().health.hosts.at(target.id).text});
    if (!target.accepts_vms) out.push_back({Reason::host_excluded, ""});
    if (target.facts.cpus == 0 || target.facts.memory_total == Bytes{})
        out.push_back({Reason::host_stale, "its CPUs and memory are not known yet"});
    // Load that was not measured is not a load of zero.
    else if (is_unasked(purpose) && !view.at(target.id).cpu_known)
        out.push_back({Reason::host_stale, "its CPU load is not known yet"});
}

}  // namespace ballast::policy::constraints
