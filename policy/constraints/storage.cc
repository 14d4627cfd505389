// Within a site only memory travels, unless `migration.copy_disks` lets an operator's moves take disks along: every
// other file has to be on storage that both hosts share, at the same path. A disk that is named as a volume of a pool
// is where that pool is: of a pool that is a folder the folder has to be shared.
#include "policy/constraints/constraint.h"
#include "policy/sites.h"

namespace ballast::policy::constraints {

namespace {
// Of a disk that is copied along within the site; null: it is none. Whether this purpose allows that, local_storage()
// has said.
const VmDisk* copied_disk(const Context& context, const Vm& vm, const Host* source, const Host& target,
                          const std::string& file) {
    if (source == nullptr || context.restarts != Restarts::none) return nullptr;
    for (const VmDisk* disk : copied_disks(vm, *source, target, context.options.migration))
        if (disk->source == file) return disk;
    return nullptr;
}
}  // namespace

void local_storage(const Context& context, const Vm& vm, Purpose purpose, Objections& out) {
    const Guest& guest = context.guest_of(vm.id);
    if (guest.on == nullptr) return;                      // source_state() has said so
    if (may_leave_site(context, guest, purpose)) return;  // asked of each target: disks may be copied
    const bool copies = copies_within_site(context, purpose);
    for (const std::string& file : vm.facts.requirements.files)
        if (std::string why = unshared_file(vm, file, guest.on->facts.shared_paths, copies); !why.empty())
            out.push_back({Reason::local_storage, std::move(why)});
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
    for (const std::string& file : vm.facts.requirements.files) {
        const VmDisk* copied = copied_disk(context, vm, source, target, file);
        if (copied == nullptr && !lies_in(target.facts.shared_paths, file))
            out.push_back({Reason::storage, file + " is not on storage shared there"});
        if (copied != nullptr && pool_for(*copied, target) == nullptr)
            out.push_back({Reason::storage, "disk " + copied->target + " (" + file +
                                                ") cannot be copied: no active pool there has the folder " +
                                                folder_of(file)});
    }
}

}  // namespace ballast::policy::constraints
