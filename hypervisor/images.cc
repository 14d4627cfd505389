#include "hypervisor/images.h"

#include <map>
#include <pugixml.hpp>
#include <sstream>

#include "hypervisor/domain_xml.h"
#include "hypervisor/lane.h"

namespace ballast::hypervisor {

namespace {

struct Place {
    std::string folder, name;
};

Place place_of(const std::string& file) {
    const auto slash = file.rfind('/');
    return slash == file.npos ? Place{"", file} : Place{file.substr(0, slash), file.substr(slash + 1)};
}

// libvirt looks into a pool's folder only when it is told to. Should that fail, it deactivates the pool; but then
// nothing could be copied there either.
Result<PoolHandle> pool_of(virConnectPtr target, const std::string& folder) {
    PoolHandle pool(virStoragePoolLookupByTargetPath(target, folder.c_str()));
    if (!pool) return last_error(folder);
    if (virStoragePoolRefresh(pool.get(), 0) < 0) return last_error(folder);
    return pool;
}

bool names(const VmFacts& facts, const std::string& file) {
    for (const std::string& used : facts.requirements.files)
        if (used == file) return true;
    return false;
}

// Another VM's name that has this file, defined or running; empty: nobody has.
std::string user_of(virConnectPtr target, const VmId& own, const std::string& file) {
    virDomainPtr* list = nullptr;
    const int count = virConnectListAllDomains(target, &list, 0);
    std::string user;
    for (int i = 0; i < count; ++i) {
        const DomainHandle domain(list[i]);
        char uuid[VIR_UUID_STRING_BUFLEN] = "";
        virDomainGetUUIDString(domain.get(), uuid);
        const Text xml(virDomainGetXMLDesc(domain.get(), 0));
        const auto facts = xml ? vm_facts_from_xml(xml.get()) : Result<VmFacts>(last_error(own.value));
        if (own.value != uuid && facts && names(*facts, file)) user = virDomainGetName(domain.get());
    }
    std::free(list);
    return user;
}

// One that this VM left there: it is written over only when it is what it was.
std::string objection_to_overwriting(virConnectPtr target, virStorageVolPtr volume, const VmId& vm,
                                     const DiskCopy& disk) {
    virStorageVolInfo info{};
    if (virStorageVolGetInfo(volume, &info) < 0) return "cannot be read";
    if (info.capacity != disk.capacity.count) return "has another size than the disk";
    const std::string user = user_of(target, vm, disk.file);
    return user.empty() ? "" : "is in use by " + user;
}

std::string objection_to(virConnectPtr target, virStoragePoolPtr pool, const MigrationRequest& request,
                         const DiskCopy& disk) {
    const VolumeHandle volume(virStorageVolLookupByName(pool, place_of(disk.file).name.c_str()));
    if (!volume) return {};
    if (!disk.overwrite) return "is there already, and nothing that is there is written over";
    return objection_to_overwriting(target, volume.get(), request.vm, disk);
}

// What exists counts as room that is still needed: how much of it is allocated is not told reliably.
Bytes room_for(const DiskCopy& disk) {
    return disk.format == "raw" || disk.allocated == Bytes{} ? disk.capacity : disk.allocated;
}

}  // namespace

Result<void> check_images(virConnectPtr target, const MigrationRequest& request) {
    const auto refuse = [&](std::string why) { return Error{ErrorCode::refused, request.to.value, std::move(why)}; };
    std::map<std::string, Bytes> needed;
    for (const DiskCopy& disk : request.disks) {
        const Place place = place_of(disk.file);
        const auto pool = pool_of(target, place.folder);
        if (!pool) return refuse("no pool for a copy of " + disk.file + ": " + pool.error().message);
        const std::string objection = objection_to(target, pool->get(), request, disk);
        if (!objection.empty()) return refuse(disk.file + " " + objection);
        needed[place.folder] += room_for(disk);
        virStoragePoolInfo info{};
        if (virStoragePoolGetInfo(pool->get(), &info) < 0) return last_error(place.folder);
        if (info.available < needed[place.folder].count)
            return refuse("copies of its disks need " + to_string(needed[place.folder]) + " in " + place.folder + ", " +
                          to_string(Bytes{info.available}) + " are free");
    }
    return {};
}

std::string volume_xml(const DiskCopy& disk) {
    pugi::xml_document document;
    auto volume = document.append_child("volume");
    volume.append_child("name").text() = place_of(disk.file).name.c_str();
    volume.append_child("capacity").text() = static_cast<unsigned long long>(disk.capacity.count);
    volume.append_child("allocation").text() = 0;
    auto format = volume.append_child("target").append_child("format");
    format.append_attribute("type") = disk.format.c_str();
    std::ostringstream out;
    document.print(out, "", pugi::format_raw | pugi::format_no_declaration);
    return out.str();
}

Result<void> create_image(virConnectPtr target, const DiskCopy& disk) {
    const auto pool = pool_of(target, place_of(disk.file).folder);
    if (!pool) return pool.error();
    const VolumeHandle there(virStorageVolLookupByName(pool->get(), place_of(disk.file).name.c_str()));
    if (there) return Error{ErrorCode::conflict, disk.file, "is there already"};
    if (given_up()) return nobody_waits(disk.file);
    const VolumeHandle created(virStorageVolCreateXML(pool->get(), volume_xml(disk).c_str(), 0));
    return created ? Result<void>() : last_error(disk.file);
}

Result<void> remove_image(virConnectPtr target, const std::string& file) {
    const auto pool = pool_of(target, place_of(file).folder);
    if (!pool) return pool.error();
    const VolumeHandle volume(virStorageVolLookupByName(pool->get(), place_of(file).name.c_str()));
    if (!volume) {
        const Error error = last_error(file);
        return error.code == ErrorCode::not_found ? Result<void>() : Result<void>(error);
    }
    if (given_up()) return nobody_waits(file);  // it may be the VM's disk by now
    if (virStorageVolDelete(volume.get(), 0) < 0) return last_error(file);
    return {};
}

}  // namespace ballast::hypervisor
