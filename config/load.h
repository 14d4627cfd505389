// Reads the daemon file and the policy files, strictly: whatever is not understood is an error with its position, and
// a value comes back only when nothing is wrong, so that a bad file changes nothing (docs/configuration.md).
// Blocking file reads of at most 1 MiB a file; no state, any thread.
#pragma once

#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "config/diagnostic.h"
#include "policy/options.h"

namespace ballast::config {

/// Text that was read already, and the name its problems are reported under.
struct Source {
    std::string file;
    std::string text;
};

/// An empty file, or one with comments only, gives the defaults. A missing file is a problem: the package ships one.
/// `hosts` stays empty when the file names none: the caller then adds the local host (see default_host).
Loaded<DaemonOptions> load_daemon_file(const std::string& path);
Loaded<DaemonOptions> check_daemon_text(const Source& source);

/// Every *.yaml of the directory in the order of their names, merged; a missing directory gives the defaults. Hidden
/// files and editors' copies (*~, *.bak) are passed over; a *.yml is a problem, because it would be ignored silently.
Loaded<policy::Options> load_policy_directory(const std::string& directory);
/// The same for files named one by one, for `ballastctl policy check FILE...`.
Loaded<policy::Options> load_policy_files(const std::vector<std::string>& paths);
Loaded<policy::Options> check_policy_text(const std::vector<Source>& sources);

/// Whether the policy names only hosts that the daemon knows. Call it after the default host was filled in.
Diagnostics cross_check(const DaemonOptions& daemon, const policy::Options& policy);

/// What an empty `hosts` stands for: the local system daemon of libvirt under the given short hostname.
HostOptions default_host(const std::string& hostname);

}  // namespace ballast::config
