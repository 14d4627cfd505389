#include "policy/sites.h"

#include <algorithm>
#include <string_view>

namespace ballast::policy {

namespace {

bool is_under(std::string_view file, std::string_view folder) {
    while (!folder.empty() && folder.back() == '/') folder.remove_suffix(1);
    return file.size() > folder.size() && file.starts_with(folder) && file[folder.size()] == '/' &&
           file.find("/../") == file.npos;
}

bool any_elsewhere(const Context& context, const std::string& site) {
    const auto& hosts = context.inventory.hosts;
    return std::any_of(hosts.begin(), hosts.end(), [&](const auto& entry) { return entry.second.site != site; });
}

}  // namespace

std::string site_name(const std::string& site) {
    return site.empty() ? "the site without a name" : "site " + site;
}

const std::string* ordered_site(const Host& host) {
    return host.maintenance && !host.to_site.empty() && host.to_site != host.site ? &host.to_site : nullptr;
}

bool restarts_anywhere(const Context& context, const Host& host) {
    return context.restarts == Restarts::anywhere && host.maintenance;
}

bool may_leave_site(const Context& context, const Guest& guest, Purpose purpose) {
    if (guest.on == nullptr) return false;
    if (empties_host(purpose)) return ordered_site(*guest.on) != nullptr || restarts_anywhere(context, *guest.on);
    if (purpose == Purpose::return_home) return guest.home != nullptr && guest.home->site != guest.on->site;
    return purpose == Purpose::manual && any_elsewhere(context, guest.on->site);
}

bool lies_in(const std::set<std::string>& folders, const std::string& file) {
    return std::any_of(folders.begin(), folders.end(),
                       [&](const std::string& folder) { return is_under(file, folder); });
}

std::string folder_of(const std::string& file) {
    const auto slash = file.rfind('/');
    return slash == file.npos ? std::string() : file.substr(0, slash);
}

bool is_folder_pool(const std::string& path) {
    return path.size() > 1 && path.front() == '/' && path != "/dev" && !is_under(path, "/dev");
}

std::string unshared_pool(const std::string& pool, const Host& host, const std::set<std::string>& shared) {
    const auto found = host.facts.pools.find(pool);
    if (found == host.facts.pools.end() || !is_folder_pool(found->second)) return {};
    // Whatever its volumes are called, they lie in it.
    if (lies_in(shared, found->second + "/volume")) return {};
    return "pool " + pool + " (" + found->second + ") is not on storage declared shared";
}

bool is_stretched(const VmDisk& disk, const Host& host, const MigrationOptions& options) {
    if (disk.type == "network") return options.between_sites.network_disks;
    return lies_in(host.facts.stretched_paths, disk.source);
}

std::string uncopyable(const VmDisk& disk) {
    if (disk.read_only) return "read-only, and only disks that are written to are copied";
    if (disk.shareable) return "shared with other VMs";
    if (disk.type == "network") return "reached over the network";
    if (disk.type == "volume")
        return "named as a volume of a storage pool, and only disks that are named by their file are copied";
    if (disk.type != "file") return "a " + disk.type + " device, and only images in files are copied";
    if (disk.has_backing) return "based on another image";
    if (disk.format != "raw" && disk.format != "qcow2")
        return "in format " + (disk.format.empty() ? "?" : disk.format) + ", and only raw and qcow2 are copied";
    if (disk.capacity == Bytes{}) return "of a size that is not known";
    return {};
}

const std::string* pool_for(const VmDisk& disk, const Host& host) {
    std::string folder = folder_of(disk.source);
    for (const auto& [pool, path] : host.facts.pools) {
        std::string_view at = path;
        while (at.size() > 1 && at.back() == '/') at.remove_suffix(1);
        if (!at.empty() && at == folder) return &pool;
    }
    return nullptr;
}

Bytes room_for_copy(const VmDisk& disk) {
    return disk.format == "raw" || disk.allocated == Bytes{} ? disk.capacity : disk.allocated;
}

bool copies_within_site(const Context& context, Purpose purpose) {
    const bool asked = purpose == Purpose::manual || empties_host(purpose);
    return context.options.migration.copy_disks && asked && context.restarts == Restarts::none;
}

std::string unshared_file(const Vm& vm, const std::string& file, const std::set<std::string>& shared, bool copies) {
    if (lies_in(shared, file)) return {};
    const std::string why = file + " is not on storage declared shared";
    if (!copies) return why;
    for (const VmDisk& disk : vm.facts.requirements.disks) {
        if (disk.source != file) continue;
        const std::string hindrance = uncopyable(disk);
        return hindrance.empty() ? "" : why + ", and disk " + disk.target + " is not copied: it is " + hindrance;
    }
    return why;
}

std::vector<const VmDisk*> copied_disks(const Vm& vm, const Host& from, const Host& to,
                                        const MigrationOptions& options) {
    std::vector<const VmDisk*> disks;
    const bool within = from.site == to.site;
    if (within && !options.copy_disks) return disks;
    const auto seen = [&](const VmDisk& disk) {
        if (!within) return is_stretched(disk, from, options) && is_stretched(disk, to, options);
        return disk.type != "file" || disk.read_only || lies_in(from.facts.shared_paths, disk.source);
    };
    for (const VmDisk& disk : vm.facts.requirements.disks)
        if (!seen(disk)) disks.push_back(&disk);
    return disks;
}

Bytes bytes_copied(const Vm& vm, const Host& from, const Host& to, const MigrationOptions& options) {
    Bytes sum;
    for (const VmDisk* disk : copied_disks(vm, from, to, options))
        sum += disk->allocated == Bytes{} ? disk->capacity : disk->allocated;
    return sum;
}

std::optional<Bytes> bytes_between_sites(const Vm& vm, const Host& from, const Host& to,
                                         const MigrationOptions& options) {
    if (from.site == to.site) return std::nullopt;
    return bytes_copied(vm, from, to, options);
}

}  // namespace ballast::policy
