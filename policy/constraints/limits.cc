// Migrations at the same time. Plans spread their moves over waves instead (see schedule.cc); only a limit of zero
// forbids a planned move altogether.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {
bool is_full(unsigned used, unsigned limit, Purpose purpose) {
    return limit == 0 || (purpose == Purpose::manual && used >= limit);
}

std::string of(unsigned used, unsigned limit) {
    return std::to_string(used) + " of " + std::to_string(limit);
}
}  // namespace

void limits(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const LimitOptions& limit = view.context().options.limits;
    const auto source = view.hosts().find(vm.host);
    const unsigned outgoing = source == view.hosts().end() ? 0 : source->second.outgoing;
    const unsigned incoming = view.at(target.id).incoming;
    if (is_full(outgoing, limit.outgoing_per_host, purpose))
        out.push_back({Reason::limit_outgoing, of(outgoing, limit.outgoing_per_host)});
    if (is_full(incoming, limit.incoming_per_host, purpose))
        out.push_back({Reason::limit_incoming, of(incoming, limit.incoming_per_host)});
    if (is_full(view.in_flight(), limit.cluster, purpose))
        out.push_back({Reason::limit_cluster, of(view.in_flight(), limit.cluster)});
}

}  // namespace ballast::policy::constraints
