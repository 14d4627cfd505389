// Sites (data centres): who may leave his own, what the other one sees of his disks, and which of these are copied
// there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// For people: "site b"; hosts that name none stand in one as well.
std::string site_name(const std::string& site);

/// The site that the VMs of this host are to leave for, by order of an operator; null: they stay in theirs.
const std::string* ordered_site(const Host& host);
/// Are its VMs to be started anew, in any site?
bool restarts_anywhere(const Context& context, const Host& host);
/// May this VM end up in another site, for this purpose: by an order that holds for its host, because that is lost and
/// `failover.across_sites` allows it, because its home is there, or because an operator names a host there.
bool may_leave_site(const Context& context, const Guest& guest, Purpose purpose);

/// Is the file in one of these folders? "/srv/vm" stands neither for "/srv/vm2/disk" nor for "/srv/vm/../other/disk".
bool lies_in(const std::set<std::string>& folders, const std::string& file);
/// The folder of a file: of "/srv/vms/a.raw" it is "/srv/vms".
std::string folder_of(const std::string& file);

/// Is a storage pool with this path a folder whose volumes are files in it? Those of others are block devices, or are
/// reached over the network: whoever has such a pool active sees them.
bool is_folder_pool(const std::string& path);
/// Why a VM with volumes in this pool of the host cannot count on finding them on others; empty: nothing speaks against
/// it. `shared` are the folders that the others see as well.
std::string unshared_pool(const std::string& pool, const Host& host, const std::set<std::string>& shared);

/// Do both sites see this disk, as far as `host`, which stands in one of them, can tell?
bool is_stretched(const VmDisk& disk, const Host& host, const MigrationOptions& options);
/// What keeps a disk from being copied while its VM runs; empty: nothing.
std::string uncopyable(const VmDisk& disk);
/// The active storage pool of the host in whose folder a copy of this disk would lie: libvirt creates images in pools.
const std::string* pool_for(const VmDisk& disk, const Host& host);
/// Room a copy of it takes: all of a raw image, as zeros are written too; of the others what is in them.
Bytes room_for_copy(const VmDisk& disk);

/// May disks be copied within the site, for this purpose: by `migration.copy_disks`, while the VM's host lives?
bool copies_within_site(const Context& context, Purpose purpose);
/// Why a file of the VM keeps it from leaving for another host of its site, on which these folders are shared with the
/// first; empty: it lies on shared storage, or is that of a disk that `copies` lets travel along.
std::string unshared_file(const Vm& vm, const std::string& file, const std::set<std::string>& shared, bool copies);

/// Disks that are copied when the VM goes from one of these hosts to the other: within a site those in files that are
/// not on shared storage, and only with `copy_disks`.
std::vector<const VmDisk*> copied_disks(const Vm& vm, const Host& from, const Host& to,
                                        const MigrationOptions& options);
/// Bytes of them that are to be sent.
Bytes bytes_copied(const Vm& vm, const Host& from, const Host& to, const MigrationOptions& options);
/// The same between sites; nothing within one.
std::optional<Bytes> bytes_between_sites(const Vm& vm, const Host& from, const Host& to,
                                         const MigrationOptions& options);

}  // namespace ballast::policy
