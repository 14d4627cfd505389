// The control socket's file: made so that it never replaces a living daemon's and never follows what is not a socket.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "model/result.h"

namespace ballast::daemon {

using LocalAcceptor = boost::asio::local::stream_protocol::acceptor;

/// Listens on `path`, mode 0666: two groups must reach it, and who may do what is decided by peer credentials. Makes
/// the directory (0755) when it is missing and replaces the file of a daemon that is gone. Errors: conflict (somebody
/// listens there), refused (something that is no socket is there), invalid (path), internal (the system said no).
Result<LocalAcceptor> listen_on(boost::asio::any_io_executor executor, const std::string& path);

}  // namespace ballast::daemon
