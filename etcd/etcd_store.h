// The store of a cluster: etcd, through its v3 API (ports/store.h).
//
// All calls on the io_context's thread, which never waits: gRPC's completion queue has a thread of its own that only
// posts. The executor's context and the clock outlive the store. When it is destroyed, calls under way end as
// `cancelled` and watches fall silent. docs/store.md has what is needed of etcd and what happens when it fails.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast {

struct EtcdOptions {
    /// "https://etcd1.example.org:2379", all members of one cluster; the first that answers is used.
    std::vector<std::string> endpoints;
    /// All our keys begin with it: one etcd may serve several clusters of hosts. See etcd/keyspace.h.
    std::string prefix = "/ballast";
    /// PEM files, for https. Empty: the system's CAs, and no certificate of our own. Read anew when a connection fails.
    std::string ca_file, cert_file, key_file;
    /// Empty: no authentication by password. The file's first line is the password; read anew for each token.
    std::string user, password_file;
    /// Where etcd.mark and etcd.cluster are kept (etcd/history_mark.h).
    std::string state_dir;
    /// After this a call returns timed_out, as with the embedded store. An election of etcd takes 1 to 2 s.
    Duration call_timeout = std::chrono::seconds(5);
    /// More calls than this at a time return unavailable.
    std::size_t most_waiting_calls = 1024;
    /// A connection that carried nothing for so long is tried with a ping. etcd refuses more than one in 5 s.
    Duration ping_interval = std::chrono::seconds(10);
    Duration ping_timeout = std::chrono::seconds(3);
};

/// Of the database of the member in use.
struct StoreSize {
    Bytes file;
    Bytes in_use;  // the rest was compacted away, and is written to anew
};

class EtcdStore : public Store {
public:
    using Note = std::function<void(const std::string&)>;

    /// Tries for one call_timeout. Reads the small files of the options and writes those in state_dir, which it creates
    /// (not its parents). `note` hears of trouble that no caller is told, such as a change of the member in use.
    /// Errors: unavailable (no member answers, or not with a quorum), refused (user, password or permissions, or the
    /// data was written by a newer Ballast), corrupt (etcd has lost what it had acknowledged, or is another cluster),
    /// conflict (another process uses state_dir), invalid (a file or an endpoint), no_space.
    static Task<std::unique_ptr<EtcdStore>> open(boost::asio::any_io_executor executor, Clock& clock,
                                                 EtcdOptions options, Note note);

    /// Errors as those of a read.
    virtual Task<StoreSize> size() = 0;
};

}  // namespace ballast
