// What opens a connection to a member: certificates, the password, the settings of a channel. Blocking reads of small
// files, on the io_context's thread; only when a connection has to be made anew.
#pragma once

#include <string>
#include <vector>

#include "etcd/etcd_store.h"
#include "etcd/rpc.h"

namespace ballast::etcd {

struct Certificates {
    std::string authorities, chain, key;  // PEM

    friend bool operator==(const Certificates&, const Certificates&) = default;
};

/// Error invalid: a file cannot be read or is not PEM.
Result<Certificates> read_certificates(const EtcdOptions& options);
/// The first line. Error invalid: the file cannot be read, or others may read it.
Result<std::string> read_password(const std::string& file);
/// Error invalid: an endpoint is not http://HOST:PORT or https://HOST:PORT.
Result<std::vector<MemberPtr>> members_of(const EtcdOptions& options, const Certificates& certificates);

}  // namespace ballast::etcd
