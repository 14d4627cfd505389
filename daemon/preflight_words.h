// Words and small questions that several checks of preflight share. Pure.
#pragma once

#include <string>
#include <vector>

#include "daemon/preflight_facts.h"

namespace ballast::daemon::preflight {

Finding ok(std::string finding);
Finding unknown(std::string finding, std::string advice);
Finding warning(std::string finding, std::string advice);
Finding problem(std::string finding, std::string advice);

/// The worst of them, with all findings and advice of that status joined; ok with `otherwise` when there is none.
Finding worst_of(const std::vector<Finding>& findings, const std::string& otherwise);

/// "a, b and 5 more".
std::string listed(const std::vector<std::string>& names);
/// "1 guest", "3 guests".
std::string counted(std::size_t count, const std::string& what);

/// The other hosts that libvirt answered for.
std::vector<const PreflightHost*> others(const PreflightCluster& cluster, const PreflightHost& host);

/// Whether a file lies in a folder, as the policy's storage constraint sees it.
bool is_under(const std::string& file, std::string folder);
bool has_only_shared_disks(const hypervisor::PreflightGuest& guest, const PreflightHost& host);

/// "9.0.0" -> 9000000 as libvirt counts versions; 0 when it is none.
unsigned long version_number(const std::string& text);

}  // namespace ballast::daemon::preflight
