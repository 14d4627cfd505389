#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

void opt_out(const Context& context, const Vm& vm, Purpose, Objections& out) {
    if (vm.facts.wishes.no_migrate) out.push_back({Reason::opted_out, "its own metadata says so"});
    for (const std::uint32_t rule : context.rules_of(vm.id).never)
        out.push_back({Reason::opted_out, described(context.book.rules[rule])});
}

}  // namespace ballast::policy::constraints
