// What parameters an agent has, as it says itself. Agents pass over what they do not know, and write it to the log with
// its value: a misspelt `lanplus` would be no lanplus, and a misspelt `password` would be in the log.
#pragma once

#include <set>
#include <string>

#include "config/diagnostic.h"
#include "power/agent.h"

namespace ballast::power {

/// The names in the XML of `action=metadata`; empty when it is none.
std::set<std::string> parameter_names(const std::string& metadata);

/// Asks each agent of the file once: what it has no parameter for, and agents that do not answer.
boost::asio::awaitable<config::Diagnostics> unknown_parameters(Children& children, Tools tools, PowerFile file);

}  // namespace ballast::power
