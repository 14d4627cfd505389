// A unix socket's file: made so that it never replaces a living process's and never follows what is not a socket.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "model/result.h"

namespace ballast::service {

using LocalAcceptor = boost::asio::local::stream_protocol::acceptor;

/// Listens on `path`, mode 0666: who may do what is decided by peer credentials (service/peer.h). Makes
/// the directory (0755) when it is missing and replaces the file of a process that is gone. Errors: conflict (somebody
/// listens there), refused (something that is no socket is there), invalid (path), internal (the system said no).
Result<LocalAcceptor> listen_on(boost::asio::any_io_executor executor, const std::string& path);

}  // namespace ballast::service
