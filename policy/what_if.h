// Plans for a cluster that is not there: a host in maintenance, lost, added or removed. Pure: words in, another
// inventory out, and a plan of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "policy/policy.h"

namespace ballast::policy {

/// One thing that is supposed.
struct Supposition {
    enum class Kind { maintenance, lose, add_host, remove_host } kind = Kind::maintenance;
    HostId host;
    std::string to_site;  // of a maintenance; empty: the VMs stay in their site
    double cpus = 0;      // of an added host
    Bytes memory;
};

/// "maintenance HOST", "maintenance HOST to-site SITE", "lose HOST", "remove-host HOST", "add-host [NAME]
/// 32cpu,256GiB", several of them joined by ';'; at most 16. Error invalid: the subject is the word that is wrong.
Result<std::vector<Supposition>> parse_what_if(std::string_view text);

struct Hypothesis {
    Inventory inventory;
    Memory memory;
    std::vector<std::string> assumptions;  // sentences for people: what was supposed, and what was taken for granted
};

/// All suppositions at once. A lost host is dead for certain: the plan starts its VMs elsewhere; a removed host's are
/// moved away, as for maintenance. An added host is like the first one that reports, but for its size. Error not_found,
/// conflict: the subject is the host's name.
Result<Hypothesis> suppose(const std::vector<Supposition>& suppositions, const Inventory& inventory,
                           const Memory& memory, Instant now);

}  // namespace ballast::policy
