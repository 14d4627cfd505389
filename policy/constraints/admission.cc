// The room kept for the loss of a host: what Ballast does for balance must not cut up the last large piece of it. An
// evacuation or an operator's own move may; the plan then warns.
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"

namespace ballast::policy::constraints {

void admission(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Context& context = view.context();
    const AdmissionOptions& wanted = context.options.admission;
    if (!is_unasked(purpose) || !wanted.largest_vm || vm.host == target.id) return;
    const unsigned lost = wanted.host_failures;
    // One host gets fuller: however much, there is the next largest piece.
    if (view.room().largest_piece(lost + 1) >= context.largest_vm) return;
    const Bytes after =
        view.room().largest_piece_after(lost, vm.host, target.id, context.guest_of(vm.id).ordinary_memory);
    if (after >= context.largest_vm || after >= view.room().largest_piece(lost)) return;
    out.push_back({Reason::admission, "would leave no host more than " + to_string(after) + " free" +
                                          (lost == 0 ? "" : " after the loss of " + std::to_string(lost)) +
                                          ", the largest VM needs " + to_string(context.largest_vm)});
}

}  // namespace ballast::policy::constraints
