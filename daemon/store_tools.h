// What ballastd does with its store in place of running: backups, their restoring, and the move to another store
// (docs/store.md). `ballastctl store` calls it. The daemon must be stopped: the embedded store's lock, the
// registrations in etcd and the control socket tell. Root acts as the owner of the store's directory. Blocks.
#pragma once

#include <string>

namespace ballast::daemon {

/// Each returns the exit status: 0, 1 when it failed, 2 for a bad configuration or file. What happened is said on
/// stdout, problems on stderr.
int back_up_store(const std::string& config_file, const std::string& to_file);
int restore_store(const std::string& config_file, const std::string& from_file);
/// `new_config_file` is the configuration that the daemon is to have then: its `store` is the target.
int move_store(const std::string& config_file, const std::string& new_config_file);

}  // namespace ballast::daemon
