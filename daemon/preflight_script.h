// The questions that libvirt does not answer, as one POSIX shell script for `sh -s` on a host, and its answer read
// back. It looks only; every command that could hang has a time limit of its own. Pure.
#pragma once

#include <string>
#include <vector>

#include "daemon/preflight_facts.h"

namespace ballast::daemon::preflight {

struct ScriptQuestions {
    std::vector<std::string> paths;                         // whose file systems to look at
    std::vector<std::string> hostnames;                     // to resolve
    std::vector<std::pair<HostId, std::string>> peer_uris;  // to connect to
};

std::string script_for(const ScriptQuestions& questions);

/// What the script printed. `begun` and `heard` are this machine's time, in seconds, when it was started and when its
/// first line came: the host's clock was read in between. Lines that are cut off or odd are left out.
ShellFacts shell_facts_from(const std::string& output, double begun, double heard);

/// How to run something on the host of a libvirt URI, a shell that reads from stdin unless told otherwise: the
/// arguments of ssh; empty: not by ssh, or not in a way that is understood here. The user, port and key are those that
/// libvirt would use. `command` goes to the login's shell there as one line.
std::vector<std::string> ssh_arguments(const std::string& uri, const std::vector<std::string>& command = {"sh", "-s"});

/// 'it'\''s' for a shell.
std::string shell_quoted(const std::string& text);

}  // namespace ballast::daemon::preflight
