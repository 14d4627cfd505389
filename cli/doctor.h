// `ballastctl doctor`: whether the daemon, what it needs and this machine are well, and what helps others to help.
#pragma once

#include <string>
#include <vector>

#include "cli/page.h"
#include "cli/session.h"

namespace ballast::cli {

struct DoctorWish {
    std::string config;
    std::string bundle;  // .tar.gz to write; empty: none
};

/// Works with a daemon that is dead as well. ok when nothing is a problem (warnings are not), partly when something is;
/// usage when the bundle's name will not do, failed when it could not be written.
Exit doctor(Session& session, const DoctorWish& wish);

/// One thing that was looked at.
struct Check {
    std::string name;
    std::string status;  // ok warning problem unknown
    std::string finding;
    std::string advice{};  // what to do; empty when it is ok
};

// What answers say; pure.
Check judge_version(const value& status);
std::vector<Check> judge_alarms(const value& status);
Check judge_hosts(const value& hosts);
Check judge_clocks(const value& hosts, bool synchronised);
Check judge_cluster(const value& cluster);
Check judge_power(const value& power);
Check judge_preflight(const value& report);
Check judge_space(const std::string& folder, double free_ratio, double free_bytes);

value as_json(const std::vector<Check>& checks);
void show_checks(const value& report, Page& page);

}  // namespace ballast::cli
