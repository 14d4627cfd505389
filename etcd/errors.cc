#include "etcd/errors.h"

namespace ballast::etcd {
namespace {

using grpc::StatusCode;

// etcd tells many failures apart only by their texts, which are a part of its API (api/v3rpc/rpctypes).
bool says(const grpc::Status& status, const char* text) {
    return status.error_message().find(text) != std::string::npos;
}

ErrorCode code_of(const grpc::Status& status) {
    switch (status.error_code()) {
        case StatusCode::DEADLINE_EXCEEDED: return ErrorCode::timed_out;
        case StatusCode::NOT_FOUND: return ErrorCode::not_found;
        case StatusCode::DATA_LOSS: return ErrorCode::corrupt;
        case StatusCode::OUT_OF_RANGE: return ErrorCode::conflict;
        case StatusCode::RESOURCE_EXHAUSTED:
            return says(status, "database space exceeded") ? ErrorCode::no_space : ErrorCode::unavailable;
        case StatusCode::INVALID_ARGUMENT:
            return says(status, "authentication failed") || is_token_rejected(status) ? ErrorCode::refused
                                                                                      : ErrorCode::invalid;
        case StatusCode::PERMISSION_DENIED:
        case StatusCode::UNAUTHENTICATED: return ErrorCode::refused;
        case StatusCode::UNIMPLEMENTED: return ErrorCode::internal;
        // Also what gRPC says when the connection broke, and etcd's "request timed out".
        default: return ErrorCode::unavailable;
    }
}

bool is_broken_off(const grpc::Status& status) {
    return says(status, "Endpoint read failed") || says(status, "Connection reset by peer") ||
           says(status, "Socket closed");
}

/// Without gRPC's "failed to connect to all addresses; last error: CODE: ADDRESS: ".
std::string core_of(const std::string& message) {
    const std::string preamble = "last error: ";
    const auto at = message.find(preamble);
    const auto code = at == std::string::npos ? at : message.find(": ", at + preamble.size());
    const auto address = code == std::string::npos ? code : message.find(": ", code + 2);
    return address == std::string::npos ? message : message.substr(address + 2);
}

// OpenSSL's words name neither the certificate nor what is wrong with it.
std::string explained(const grpc::Status& status, bool tls) {
    if (status.error_code() == StatusCode::DEADLINE_EXCEEDED) return "did not answer in time";
    if (says(status, "certificate verify failed"))
        return "its certificate is not valid: expired, for another name, or not signed by store.ca_file";
    // With TLS 1.3 a server looks at ours only when the connection stands, and then just ends it.
    if (tls && is_broken_off(status))
        return core_of(status.error_message()) +
               "; if that is always so, it does not accept our certificate (store.cert_file)";
    if (says(status, "wrong version number")) return "it does not use TLS: its address begins with http://";
    return core_of(status.error_message());
}

}  // namespace

Error error_of(const grpc::Status& status, const std::string& subject) {
    return {code_of(status), subject, explained(status, subject.starts_with("https://"))};
}

bool is_token_rejected(const grpc::Status& status) {
    return says(status, "invalid auth token") || says(status, "revision of auth store is old") ||
           says(status, "user name is empty");
}

bool is_member_trouble(const grpc::Status& status) {
    const auto code = code_of(status);
    return code == ErrorCode::unavailable || code == ErrorCode::timed_out;
}

}  // namespace ballast::etcd
