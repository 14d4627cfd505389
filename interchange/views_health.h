// What is wrong with hosts that answer, as the control API shows it: pure functions. See docs/api.md.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "interchange/views_inventory.h"

namespace ballast::views {

/// A host's problems with what the policy makes of each.
json::array health(const Seen& seen, const Host& host);
/// Lines for people: what is wrong with which host, which rails hold, and who cannot leave a degraded host.
void add_health_problems(const Seen& seen, json::array& lines);
/// What is made of it: "h1 is degraded: ...; no VM comes to it". Empty when nothing is.
std::string health_verdict(const Seen& seen, const Host& host, std::size_t vms_left);

}  // namespace ballast::views
