#include "etcd/credentials.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"

namespace ballast::etcd {
namespace {

// Far above any chain of certificates.
constexpr std::size_t largest_file = 1024 * 1024;

// Names as the rest of this machine resolves them. gRPC's own resolver finds none from /etc/hosts while no DNS server
// answers. Before main(): the environment may not change once there are threads.
[[maybe_unused]] const int resolver_chosen = ::setenv("GRPC_DNS_RESOLVER", "native", 0);

Error unusable(const std::string& file, const std::string& why) {
    return {ErrorCode::invalid, file, why};
}

Result<std::string> read_file(const std::string& file, bool secret) {
    const store::FileDescriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about {};
    if (in.get() < 0 || ::fstat(in.get(), &about) != 0)
        return unusable(file, std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(about.st_mode)) return unusable(file, "is not a regular file");
    if (secret && (about.st_mode & S_IRWXO) != 0) return unusable(file, "is open to others; chmod o-rwx");
    std::string text(std::min(static_cast<std::size_t>(about.st_size), largest_file), '\0');
    const ssize_t length = ::read(in.get(), text.data(), text.size());
    if (length < 0) return unusable(file, std::string("cannot be read: ") + std::strerror(errno));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// Into `text`, unless no file is configured.
Result<void> read_pem(const std::string& file, bool secret, std::string& text) {
    if (file.empty()) return {};
    auto read = read_file(file, secret);
    if (!read) return read.error();
    if (read->find("-----BEGIN ") == std::string::npos) return unusable(file, "has no PEM block in it");
    text = std::move(*read);
    return {};
}

grpc::ChannelArguments settings(const EtcdOptions& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.ping_interval.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.ping_timeout.count()));
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a watch may be quiet for days
    // What was sent is repeated by us alone, who know what may be.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    // A member that was down for long must be found again as quickly as one that has just gone.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);  // a page of a list may have values of 1 MiB
    return arguments;
}

std::shared_ptr<grpc::ChannelCredentials> tls(const Certificates& certificates) {
    return grpc::SslCredentials({certificates.authorities, certificates.key, certificates.chain});
}

}  // namespace

Result<Certificates> read_certificates(const EtcdOptions& options) {
    Certificates certificates;
    if (auto read = read_pem(options.ca_file, false, certificates.authorities); !read) return read.error();
    if (auto read = read_pem(options.cert_file, false, certificates.chain); !read) return read.error();
    if (auto read = read_pem(options.key_file, true, certificates.key); !read) return read.error();
    return certificates;
}

Result<std::string> read_password(const std::string& file) {
    auto text = read_file(file, true);
    if (!text) return text.error();
    return text->substr(0, text->find_first_of("\r\n"));
}

Result<std::vector<MemberPtr>> members_of(const EtcdOptions& options, const Certificates& certificates) {
    constexpr std::string_view plain = "http://", secure = "https://";
    std::vector<MemberPtr> members;
    for (const auto& endpoint : options.endpoints) {
        const bool is_secure = endpoint.starts_with(secure);
        if (!is_secure && !endpoint.starts_with(plain))
            return Error{ErrorCode::invalid, endpoint, "is not http://HOST:PORT or https://HOST:PORT"};
        const std::string address = endpoint.substr(is_secure ? secure.size() : plain.size());
        const auto credentials = is_secure ? tls(certificates) : grpc::InsecureChannelCredentials();
        auto channel = grpc::CreateCustomChannel("dns:///" + address, credentials, settings(options));
        members.push_back(std::make_shared<Member>(Member{endpoint, std::move(channel)}));
    }
    return members;
}

}  // namespace ballast::etcd
