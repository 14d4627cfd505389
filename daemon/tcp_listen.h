// Listening on an address of the configuration. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <string>

#include "model/result.h"

namespace ballast::daemon {

/// Listens on ADDRESS:PORT ("127.0.0.1:9477", "[::1]:9477"; port 0 takes a free one). `key` is the option that says so.
/// Errors: invalid (address), conflict (the port is in use), refused (not allowed), unavailable (the machine does not
/// have the address), internal.
Result<boost::asio::ip::tcp::acceptor> listen_by_tcp(boost::asio::any_io_executor executor, const std::string& key,
                                                     const std::string& address);

}  // namespace ballast::daemon
