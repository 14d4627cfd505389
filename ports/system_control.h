// Asking a host's own system to go down: cleanly, through its logind, which heeds whoever inhibits that. Implemented by
// daemon/ by ssh. Called on the io_context's thread only; every call returns in time.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "model/ids.h"
#include "model/result.h"

namespace ballast {

class SystemControl {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~SystemControl() = default;

    /// There is a way to the host's system. Whether it works, shut_down() tells.
    virtual bool reaches(const HostId& host) const = 0;
    /// Success: the system took the order. Errors: refused (somebody inhibits it; the message says who and why: it will
    /// not go down), unavailable and timed_out (it could not be asked, or nobody knows whether it was).
    virtual Task<void> shut_down(HostId host) = 0;
};

}  // namespace ballast
