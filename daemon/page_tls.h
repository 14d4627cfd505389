// TLS of the page: the only user of OpenSSL's contexts. Any thread.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "model/result.h"

namespace ballast::daemon {

/// TLS 1.2 and later with this chain and key, PEM both. Error invalid: one cannot be read, the key is open to others,
/// or they do not belong together.
Result<std::shared_ptr<boost::asio::ssl::context>> tls_of_page(const std::string& cert_file,
                                                               const std::string& key_file);

}  // namespace ballast::daemon
