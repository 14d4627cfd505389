// Whether a host was booted while nobody looked. Kept in the store, one line a host, /ballast/boots/<host>: what its
// CPUs have counted since its boot in nanoseconds, and what its system calls that boot where that is known:
// "<busy> <busy and idle>[ <boot id>]". A host that has counted less of either by now was booted (a container may count
// its own busy time and its machine's idle time), as was one with another boot id. It takes no clock. One io_context
// thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "collectors/rates.h"
#include "model/ids.h"
#include "ports/store.h"

namespace ballast::daemon {

class Boots {
public:
    explicit Boots(Store& store) : store_(store) {}

    /// Reads what the store has. Error: the store's, or corrupt, which names the record.
    Store::Task<void> load();

    /// What a host has counted by now. True when it was booted since it was last told, be it to a daemon before this
    /// one. A host that had counted less then than it has by now was not seen to have booted: its boot id tells.
    bool is_booted(const HostId& host, collectors::CpuCounted counted);

    /// What a host's system calls its boot. True when it was booted since it was last told, be it to a daemon before
    /// this one, and is_booted() has not said so. What is no boot id is ignored.
    bool is_other_boot(const HostId& host, const std::string& boot_id);
    /// It does not answer any more: the next boot id that is told may be of a later boot than is_booted() told of.
    void fell_silent(const HostId& host);
    /// The store knows the boot id that the host once had, and nobody has told the one that it has now.
    bool awaits_boot_id(const HostId& host) const;

    /// Writes what has changed enough: twice as much, an hour of all its CPUs more, or a boot; of these hosts nothing,
    /// so that the next daemon notices their boots as well. After an error it is tried again with the next call.
    Store::Task<void> keep(std::set<HostId> unsettled = {});

private:
    struct Boot {
        collectors::CpuCounted counted;
        std::string id;         // empty: not known
        bool is_known = false;  // is_booted() told of a boot whose id nobody has told yet
    };
    static std::string text_of(const Boot& boot);
    static std::optional<Boot> boot_from(const std::string& text);
    static bool is_worth_writing(const Boot& kept, const Boot& now);

    std::map<HostId, Boot> boots_, kept_;
    std::set<HostId> ids_heard_;
    Store& store_;
};

}  // namespace ballast::daemon
