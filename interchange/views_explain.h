// Why a VM stays or could go, and why a host counts as overloaded or not: the answers of `ballastctl explain`. Pure
// functions: they ask the policy's own rules, so that an explanation cannot differ from a decision. See docs/api.md.
#pragma once

#include <boost/json.hpp>

#include "interchange/views_inventory.h"

namespace ballast::views {

/// `dry_run` is what the policy would do now. Requires: the VM is one of the inventory's.
json::object explain_vm(const Seen& seen, const Vm& vm, const Plan& dry_run);
/// Requires: the host is one of the inventory's.
json::object explain_host(const Seen& seen, const Host& host, const Plan& dry_run);

}  // namespace ballast::views
