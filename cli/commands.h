// The verbs of ballastctl, without the command line around them. One thread; they block.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/completion.h"
#include "cli/session.h"

namespace ballast::cli {

// Looking.
Exit status(Session& session);
/// Live on a terminal until somebody quits; one frame otherwise, or when it is wanted `once`.
Exit top(Session& session, bool once);
Exit hosts(Session& session);
Exit vms(Session& session, const std::optional<std::string>& host);
/// `what_if` empty: of the cluster as it is.
Exit plan(Session& session, const std::string& what_if);
Exit capacity(Session& session);
Exit explain_vm(Session& session, const std::string& vm);
Exit explain_host(Session& session, const std::string& host);
Exit explain_cycle(Session& session, const std::string& cycle);
Exit history(Session& session, int limit);
Exit maintenance_list(Session& session);
Exit preflight(Session& session, const std::optional<std::string>& host);
Exit policy_show(Session& session);
Exit power_list(Session& session);
Exit energy(Session& session);
Exit cluster_status(Session& session);
Exit cluster_members(Session& session);
Exit cluster_leader(Session& session);
Exit transfer_leader(Session& session);

// Acting.
struct WaitWish {
    bool wait = false;
};
struct MaintenanceWish {
    std::vector<std::string> hosts;
    std::string site;     // and all hosts of it
    std::string to_site;  // where their VMs leave for; empty: they stay in their own
    bool wait = false;
};
/// One host after the other; the first that fails ends it.
Exit maintenance_enter(Session& session, const MaintenanceWish& wish);
Exit maintenance_leave(Session& session, const MaintenanceWish& wish);
struct MigrateWish {
    std::string vm;
    std::string to;
    bool force = false;
    bool wait = false;
};
Exit migrate(Session& session, const MigrateWish& wish);
struct PowerWish {
    std::string host;
    std::string action;  // on, off, drill or release
    bool force = false;
    bool wait = false;
};
Exit power(Session& session, const PowerWish& wish);
struct RollingWish {
    std::string group;
    std::vector<std::string> hosts;
    std::string command, reboot;  // empty: as the daemon thinks
    bool wait = false;
};
Exit rolling_start(Session& session, const RollingWish& wish);
Exit rolling_status(Session& session, WaitWish wish);
Exit rolling_resume(Session& session, bool skip, WaitWish wish);
Exit rolling_stop(Session& session);
/// Each one is tried; failed when any of them failed.
Exit approve(Session& session, const std::vector<std::string>& operations);
Exit forget_vm(Session& session, const std::string& vm);
Exit cancel(Session& session, const std::vector<std::string>& operations);
Exit set_paused(Session& session, bool paused);
/// Nothing: shows it. "policy": back to what the policy says.
Exit mode(Session& session, const std::optional<std::string>& wanted);
Exit reload(Session& session);

/// The last cycle and all it was made from, into a file ("-": stdout). `anonymise`: without anybody's names.
Exit record(Session& session, const std::string& file, bool anonymise);

/// The daemon's store into a file, checked.
Exit store_backup(Session& session, const std::string& file);

// Without a daemon.
/// What only a daemon that does not run can do with its store: `ballastd OPTION FILE` in the place of this process.
/// Returns only when it cannot be begun.
struct DaemonWish {
    std::string option;  // --restore-store
    std::string file;
    std::string config;
};
Exit instead_run_daemon(Session& session, const DaemonWish& wish);

struct ReplayWish {
    std::string file;
    std::vector<std::string> policies;  // instead of the recorded policy
    std::string what_if;
    std::vector<std::string> explain;  // {"vm", NAME} or {"host", NAME}
    bool capacity = false;
};
/// Makes the plan of a record or inventory again. Failed when it is another one than the recorded.
Exit replay(Session& session, const ReplayWish& wish);
/// hbal's cluster file, and maybe its utilisation file, as an inventory ("-": to stdout).
Exit import_hbal(Session& session, const std::vector<std::string>& files, const std::string& into);
Exit policy_check(Session& session, const std::vector<std::string>& files);
/// These policy files, as one policy, tried on the history in a directory.
Exit policy_test(Session& session, const std::vector<std::string>& files, const std::string& history);
Exit policy_defaults(Session& session);
Exit version(Session& session);
/// The hidden verb behind the completion scripts: one candidate a line for the words typed so far.
Exit complete(Session& session, const VerbSpec& verbs, const std::vector<std::string>& typed);

}  // namespace ballast::cli
