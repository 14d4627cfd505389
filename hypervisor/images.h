// Images on a target for disks that are copied there, as volumes of the storage pool whose folder they lie in; in a
// lane's thread. libvirt's own way of creating them would do (qemuMigrationDstPrecreateStorage), but it takes a file
// that is there for the one to write over, and leaves what it created behind when the migration fails [libvirt 9.0
// qemu_migration.c].
#pragma once

#include <string>

#include "hypervisor/handles.h"
#include "model/migration.h"

namespace ballast::hypervisor {

/// Is there a pool for each disk, with enough room, and nothing of that name, unless it may be written over? Error
/// refused with the reason for people.
Result<void> check_images(virConnectPtr target, const MigrationRequest& request);

/// Creates an empty image. Error conflict: something of this name is there.
Result<void> create_image(virConnectPtr target, const DiskCopy& disk);

/// Removes an image; done as well when there is none.
Result<void> remove_image(virConnectPtr target, const std::string& file);

/// The volume that an image is created from, as libvirt takes it: nothing of a raw one is allocated beforehand. Pure.
std::string volume_xml(const DiskCopy& disk);

}  // namespace ballast::hypervisor
