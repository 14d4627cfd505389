// The kinds of keys that outlive the daemons, and where they stand in the store. No other file spells such a key
// (tests/style/check), and whoever goes through them all does not compile without a word on each
// (daemon/store_archive.cc): so none can be left out of a backup's restore by oversight. What a cluster's members tell
// each other is not among them (cluster/keys.h). Values only.
#pragma once

#include <optional>
#include <string_view>

namespace ballast {

enum class Kept {
    settings,     // + what: what operators overrode (daemon/keys.h)
    maintenance,  // + host: in maintenance, by whom
    to_site,      // + host: its VMs leave for that site
    homes,        // + host: daemon/homes.h
    facts,        // + host: daemon/known_facts.h
    energy,       // + host: daemon/energy_meter.h
    boots,        // + host: daemon/boots.h
    operations,   // + operation: executor/journal.h
    vm_guards,    // + VM: the operation under way on it
    targets,      // + host: the last operation accepted to it
    vms,          // + VM: executor/vm_records.h
    power,        // + host: executor/power_journal.h
    power_locks,  // + host: present while it is not on
    rolling,      // the one rolling reboot: executor/rolling_journal.h
};

/// What its keys begin with.
constexpr const char* prefix_of(Kept kind) {
    switch (kind) {
        case Kept::settings: return "/ballast/settings/";
        case Kept::maintenance: return "/ballast/maintenance/";
        case Kept::to_site: return "/ballast/to_site/";
        case Kept::homes: return "/ballast/homes/";
        case Kept::facts: return "/ballast/facts/";
        case Kept::energy: return "/ballast/energy/";
        case Kept::boots: return "/ballast/boots/";
        case Kept::operations: return "/ballast/ops/";
        case Kept::vm_guards: return "/ballast/opvm/";
        case Kept::targets: return "/ballast/target/";
        case Kept::vms: return "/ballast/vms/";
        case Kept::power: return "/ballast/power/";
        case Kept::power_locks: return "/ballast/powerlock/";
        case Kept::rolling: return "/ballast/rolling";
    }
    return nullptr;  // beyond the last one
}

/// Nothing: it is of no kind that this version knows.
constexpr std::optional<Kept> kind_of(std::string_view key) {
    for (int i = 0; const char* prefix = prefix_of(static_cast<Kept>(i)); ++i)
        if (key.starts_with(prefix)) return static_cast<Kept>(i);
    return std::nullopt;
}

}  // namespace ballast
