// Which store the daemon keeps its memory in, as configured.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "config/daemon_options.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::daemon {

/// What the store has to tell the operator goes to the log, now and later. Blocks on the disk; waits for etcd at most
/// one `store.call_timeout`. Errors as EmbeddedStore::open and EtcdStore::open.
Store::Task<std::unique_ptr<Store>> open_store(boost::asio::any_io_executor executor, Clock& clock,
                                               config::DaemonOptions options);

/// The same for a daemon that is to work with it. Error refused: it is closed (store_archive.h).
Store::Task<std::unique_ptr<Store>> open_store_for_use(boost::asio::any_io_executor executor, Clock& clock,
                                                       config::DaemonOptions options);

/// For people: "the embedded store in /var/lib/ballast".
std::string name_of_store(const config::DaemonOptions& options);

}  // namespace ballast::daemon
