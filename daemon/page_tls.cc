#include "daemon/page_tls.h"

#include <boost/asio/ssl/impl/src.hpp>
#include <openssl/ssl.h>
#include <sys/stat.h>

namespace ballast::daemon {

namespace ssl = boost::asio::ssl;

namespace {

Error unusable(const std::string& file, const std::string& why) {
    return {ErrorCode::invalid, file, why};
}

}  // namespace

Result<std::shared_ptr<ssl::context>> tls_of_page(const std::string& cert_file, const std::string& key_file) {
    struct stat about {};
    if (::stat(key_file.c_str(), &about) == 0 && (about.st_mode & S_IRWXO) != 0)
        return unusable(key_file, "is open to others; chmod o-rwx");
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    boost::system::error_code error;
    context->use_certificate_chain_file(cert_file, error);
    if (error) return unusable(cert_file, "is no certificate that can be used: " + error.message());
    context->use_private_key_file(key_file, ssl::context::pem, error);
    if (error) return unusable(key_file, "is no key of that certificate: " + error.message());
    return context;
}

}  // namespace ballast::daemon
