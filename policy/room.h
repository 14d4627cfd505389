// Room to start VMs again when hosts are lost: kept up to date move by move, so that asking costs a few steps however
// large the cluster is. Ordinary memory only. A value.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/inventory.h"
#include "model/units.h"
#include "policy/by_id.h"
#include "policy/options.h"

namespace ballast::policy {

class RoomIndex {
public:
    /// A host that could take VMs, with what it may promise and what it has promised. Hosts are named in the order of
    /// their ids first, then in any.
    void set(const HostId& host, Bytes allocatable, Bytes committed);
    bool empty() const { return hosts_.empty(); }

    /// The largest free piece on one host when the `lost` hosts with the most free room are gone.
    Bytes largest_piece(unsigned lost) const;
    /// The same after `amount` has moved from one host to another. Hosts that are not known count for nothing.
    Bytes largest_piece_after(unsigned lost, const HostId& from, const HostId& to, Bytes amount) const;
    /// What the VMs on those hosts that count would lack in sum when the `lost` ones of them that can hold the most are
    /// gone; zero when nothing. Moves change nothing about it, hosts in maintenance or switched off do.
    Bytes lacking(unsigned lost, const std::function<bool(const HostId&)>& counts) const;

private:
    struct Entry {
        Bytes allocatable, committed;
        Bytes free() const { return allocatable - committed; }
    };
    ById<HostId, Entry> hosts_;
    std::set<std::pair<Bytes, HostId>> by_free_;
};

/// The sites whose hosts have to bear the loss of their own: nothing for all hosts as one, where
/// `failover.across_sites` lets VMs be started elsewhere.
std::vector<std::string> bearing_sites(const Inventory& inventory, const Options& options);

/// What an operator has to know when the room that `admission` asks for is not there; empty when it is, or none is
/// asked. Of each site for itself, as bearing_sites() says, or of `only` one; the largest VM is that of all.
std::vector<std::string> room_warnings(const RoomIndex& room, Bytes largest_vm, const Inventory& inventory,
                                       const Options& options, const std::string* only = nullptr);

}  // namespace ballast::policy
