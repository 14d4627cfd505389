// A second way to see whether a host is there, beside its libvirt: implemented by daemon/ on TCP, by sim/ on simulated
// hosts. Called on the io_context's thread only.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "model/ids.h"
#include "model/result.h"

namespace ballast {

class Probe {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~Probe() = default;

    /// False: there is no other way than libvirt's to see this host, so that its silence proves nothing.
    virtual bool reaches(HostId host) const = 0;
    /// Success: its kernel answered just now, whatever runs there. Returns within a second. Errors: timed_out,
    /// unavailable; no_space: this machine lacks what it takes to look, which says nothing of the host.
    virtual Task<void> reach(HostId host) = 0;
};

}  // namespace ballast
