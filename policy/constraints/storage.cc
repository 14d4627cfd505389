// Within a site only memory travels: every file has to be on storage that both hosts share, at the same path. A disk
// that is named as a volume of a pool is where that pool is: of a pool that is a folder the folder has to be shared.
#include "policy/constraints/constraint.h"
#include "policy/sites.h"

namespace ballast::policy::constraints {

void local_storage(const Context& context, const Vm& vm, Purpose purpose, Objections& out) {
    const Guest& guest = context.guest_of(vm.id);
    if (guest.on == nullptr) return;                      // source_state() has said so
    if (may_leave_site(context, guest, purpose)) return;  // asked of each target: disks may be copied
    for (const std::string& file : vm.facts.requirements.files)
        if (!lies_in(guest.on->facts.shared_paths, file))
            out.push_back({Reason::local_storage, file + " is not on storage declared shared"});
    for (const std::string& pool : vm.facts.requirements.pools)
        if (std::string why = unshared_pool(pool, *guest.on, guest.on->facts.shared_paths); !why.empty())
            out.push_back({Reason::local_storage, std::move(why)});
}

void storage(const Context& context, const Vm& vm, const Host& target, Objections& out) {
    const Host* source = context.guest_of(vm.id).on;
    if (source != nullptr && source->site != target.site) return;  // storage_between_sites()
    for (const std::string& pool : vm.facts.requirements.pools)
        if (!target.facts.pools.contains(pool))
            out.push_back({Reason::storage, "pool " + pool + " is not active there"});
        else if (std::string why = unshared_pool(pool, target, target.facts.shared_paths); !why.empty())
            out.push_back({Reason::storage, why + " there"});
    for (const std::string& file : vm.facts.requirements.files)
        if (!lies_in(target.facts.shared_paths, file))
            out.push_back({Reason::storage, file + " is not on storage shared there"});
}

}  // namespace ballast::policy::constraints
