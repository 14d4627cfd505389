// Where a cluster's keys lie in etcd, and the store port's types as etcd's messages. Pure; any thread.
//
// Below the prefix, "/ballast" say, everything is ours: "/ballast/schema" is the version of what is stored, and a key
// K of the store port is "/ballast/data" + K. So "list everything" never finds the keys of others.
#pragma once

#include <string>
#include <vector>

#include "etcd/etcd_api.pb.h"
#include "ports/store.h"

namespace ballast::etcd {

class Keyspace {
public:
    explicit Keyspace(const std::string& prefix) : schema_key_(prefix + "/schema"), data_(prefix + "/data") {}

    const std::string& schema_key() const { return schema_key_; }
    std::string stored(const std::string& key) const { return data_ + key; }
    /// Requires a key below data.
    std::string shown(const std::string& stored) const { return stored.substr(data_.size()); }

private:
    std::string schema_key_;
    std::string data_;
};

/// The end of the keys that begin with the prefix, as etcd wants it: the first key after all of them.
std::string end_of(std::string prefix);

/// One key. Linearizable, like everything we read.
api::RangeRequest read_key(const std::string& stored);
api::TxnRequest write(const Keyspace& keyspace, const Transaction& transaction);

/// The strings of the message are moved from.
KeyValue entry_of(const Keyspace& keyspace, api::KeyValue& entry);
WatchEvent event_of(const Keyspace& keyspace, api::Event& event);

}  // namespace ballast::etcd
