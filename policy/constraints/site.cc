// VMs stay in their site unless an operator orders them out of it, or their host is lost and failover.across_sites says
// that they may be started elsewhere. One that leaves takes along, as copies, the disks that the other site does not
// see; one that is started anew can take nothing.
#include <map>

#include "policy/constraints/constraint.h"
#include "policy/sites.h"

namespace ballast::policy::constraints {

namespace {

const Host* own_host(const Context& context, const Vm& vm) {
    return context.guest_of(vm.id).on;
}

bool is_home(const Guest& guest, const Host& target) {
    return guest.home != nullptr && guest.home->id == target.id;
}

std::string named(const VmDisk& disk) {
    return "disk " + disk.target + " (" + disk.source + ")";
}

}  // namespace

// What an order leaves open, and the way home: whether it is taken now is told by site_asked_for().
void site(const Context& context, const Vm& vm, const Host& target, Objections& out) {
    const Guest& guest = context.guest_of(vm.id);
    if (guest.on == nullptr || is_home(guest, target) || restarts_anywhere(context, *guest.on)) return;
    if (const std::string* ordered = ordered_site(*guest.on)) {
        if (target.site != *ordered) out.push_back({Reason::site, "its VMs are to leave for " + site_name(*ordered)});
    } else if (target.site != guest.on->site) {
        const bool lost = context.restarts == Restarts::within_site && guest.on->maintenance;
        out.push_back({Reason::site, site_name(target.site) + (lost ? ", and it ran in " : ", and it runs in ") +
                                         site_name(guest.on->site) + (lost ? "; failover.across_sites is off" : "")});
    }
}

void site_asked_for(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Guest& guest = view.context().guest_of(vm.id);
    if (guest.on == nullptr || target.site == guest.on->site || !is_home(guest, target)) return;
    const std::string* ordered = ordered_site(*guest.on);
    const bool by_order = ordered != nullptr && *ordered == target.site && empties_host(purpose);
    if (!by_order && purpose != Purpose::return_home)
        out.push_back({Reason::site, "its home, but nobody asked for it to come home now"});
}

void storage_between_sites(const Context& context, const Vm& vm, const Host& target, Objections& out) {
    const Host* source = own_host(context, vm);
    if (source == nullptr || source->site == target.site) return;
    const MigrationOptions& options = context.options.migration;
    std::set<std::string> disks;
    for (const VmDisk& disk : vm.facts.requirements.disks) disks.insert(disk.source);
    for (const std::string& file : vm.facts.requirements.files)
        if (!disks.contains(file) &&
            !(lies_in(source->facts.stretched_paths, file) && lies_in(target.facts.stretched_paths, file)))
            out.push_back({Reason::storage, file + " is not on storage that both sites share"});
    for (const VmDisk* disk : copied_disks(vm, *source, target, options)) {
        const std::string why = uncopyable(*disk);
        if (restarts_anywhere(context, *source) && disk->type == "volume")
            out.push_back({Reason::storage, named(*disk) + " is a volume of a storage pool: whether both sites see it "
                                                           "is not known"});
        else if (restarts_anywhere(context, *source))
            out.push_back(
                {Reason::storage,
                 named(*disk) + " is not on storage that both sites share, and of a lost host none is copied"});
        else if (!options.between_sites.copy_disks)
            out.push_back({Reason::storage, named(*disk) + " is not on storage that both sites share, and "
                                                           "migration.between_sites.copy_disks is off"});
        else if (!why.empty())
            out.push_back({Reason::storage, named(*disk) + " is not copied: it is " + why});
        else if (pool_for(*disk, target) == nullptr)
            out.push_back({Reason::storage, named(*disk) + " cannot be copied: no active pool there has the folder " +
                                                folder_of(disk->source)});
    }
}

// A VM that could be copied to another site is asked of each target: within its own other rules hold.
void unshared(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Guest& guest = view.context().guest_of(vm.id);
    if (!may_leave_site(view.context(), guest, purpose) || guest.on->site != target.site) return;
    const bool copies = copies_within_site(view.context(), purpose);
    for (const std::string& file : vm.facts.requirements.files)
        if (std::string why = unshared_file(vm, file, guest.on->facts.shared_paths, copies); !why.empty())
            out.push_back({Reason::local_storage, std::move(why)});
    for (const std::string& pool : vm.facts.requirements.pools)
        if (std::string why = unshared_pool(pool, *guest.on, guest.on->facts.shared_paths); !why.empty())
            out.push_back({Reason::local_storage, std::move(why)});
}

void disk_space(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Host* source = own_host(view.context(), vm);
    if (source == nullptr) return;
    std::map<std::string, Bytes> needed;
    for (const VmDisk* disk : copied_disks(vm, *source, target, view.context().options.migration))
        if (const std::string* pool = pool_for(*disk, target)) needed[*pool] += room_for_copy(*disk);
    for (const auto& [pool, bytes] : needed) {
        const auto left = view.pool_left(target.id, pool);
        if (left && *left < bytes)
            out.push_back({Reason::disk_space, "copies of its disks need " + to_string(bytes) + " in pool " + pool +
                                                   ", " + to_string(*left) +
                                                   " were free when libvirt last looked (virsh pool-refresh " + pool +
                                                   " there makes it look again)"});
    }
}

void limit_sites(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Host* source = own_host(view.context(), vm);
    if (source == nullptr || source->site == target.site || purpose != Purpose::manual) return;
    const unsigned used = view.between_sites(source->site, target.site);
    const unsigned most = view.context().options.migration.between_sites.slots;
    if (used >= most) out.push_back({Reason::limit_sites, std::to_string(used) + " of " + std::to_string(most)});
}

}  // namespace ballast::policy::constraints
