#include "config/uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "config/text.h"

namespace ballast::config {

namespace {

// The transports of libvirt 9.0 [docs/uri.rst]; none means TLS with a host and the local socket without.
constexpr std::array<std::string_view, 8> transports = {"", "unix", "ssh", "tls", "tcp", "libssh", "libssh2", "ext"};

struct Parts {
    std::string driver, transport, user, host, path, query;
};

Error bad(const std::string& text, const std::string& why) {
    return {ErrorCode::invalid, {}, quoted(text) + " is not a libvirt URI: " + why};
}

bool only(std::string_view text, std::string_view extra) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || extra.find(c) != std::string_view::npos;
    });
}

Parts split(const std::string& text) {
    Parts parts;
    const auto scheme_end = text.find("://");
    const std::string scheme = text.substr(0, scheme_end);
    const auto plus = scheme.find('+');
    parts.driver = scheme.substr(0, plus);
    parts.transport = plus == std::string::npos ? "" : scheme.substr(plus + 1);
    const std::string rest = text.substr(scheme_end + 3);
    const auto slash = std::min(rest.find_first_of("/?"), rest.size());
    const std::string authority = rest.substr(0, slash);
    const auto question = std::min(rest.find('?'), rest.size());
    parts.path = rest.substr(slash, question - slash);
    parts.query = rest.substr(question);
    const auto at = authority.rfind('@');
    parts.user = at == std::string::npos ? "" : authority.substr(0, at);
    parts.host = at == std::string::npos ? authority : authority.substr(at + 1);
    return parts;
}

bool names_no_host(const Parts& parts) {
    return parts.host.empty();
}

std::optional<std::string> problem_of_host(const Parts& parts) {
    if (parts.user.find(':') != std::string::npos) return "a password does not belong into a configuration file";
    // A leading dash would reach ssh as an option.
    if (!only(parts.user, "._-+") || parts.user.starts_with('-')) return "its user name has forbidden characters";
    if (!only(parts.host, "._-:[]") || parts.host.starts_with('-')) return "its host name has forbidden characters";
    const bool local_transport = parts.transport.empty() || parts.transport == "unix" || parts.transport == "ext";
    if (parts.host.empty() && !local_transport) return "`" + parts.transport + "` needs a host";
    if (!parts.host.empty() && parts.transport == "unix") return "`unix` is for the local host only";
    return std::nullopt;
}

std::optional<std::string> problem_of(const Parts& parts) {
    if (parts.driver != "qemu" && parts.driver != "test") return "it has to begin with qemu or qemu+TRANSPORT";
    if (std::find(transports.begin(), transports.end(), parts.transport) == transports.end()) {
        return "libvirt has no transport `" + shortened(parts.transport) + "`; use ssh, tls, tcp or unix";
    }
    if (const auto problem = problem_of_host(parts)) return problem;
    if (parts.driver == "qemu" && parts.path != "/system" && parts.path != "/session") {
        return "it has to end with /system (or /session)";
    }
    return std::nullopt;
}

}  // namespace

Result<std::string> check_uri(const std::string& text) {
    if (text.find("://") == std::string::npos) return bad(text, "write it like qemu+ssh://host1/system");
    if (!only(text, ":/?=&@._-+[]%,~")) return bad(text, "it has forbidden characters");
    if (const auto problem = problem_of(split(text))) return bad(text, *problem);
    return text;
}

Result<std::string> check_uri_or_alias(const std::string& text) {
    // [a-zA-Z0-9_-]+ is what libvirt allows for an alias [libvirt 9.0 src/libvirt.conf].
    const bool alias = !text.empty() && only(text, "_-") && text.front() != '-';
    return alias ? Result<std::string>(text) : check_uri(text);
}

Result<std::string> check_peer_uri(const std::string& text) {
    auto uri = check_uri(text);
    if (uri && split(*uri).driver == "qemu" && names_no_host(split(*uri))) {
        return bad(text, "the other hosts need a host name in it, as in qemu+ssh://host1/system");
    }
    return uri;
}

bool is_local(const std::string& uri) {
    if (!could_be_local(uri)) return false;
    const Parts parts = split(uri);
    return parts.transport != "ext" && parts.query.find("socket=") == std::string::npos;
}

bool could_be_local(const std::string& uri) {
    return uri.find("://") != std::string::npos && names_no_host(split(uri));
}

std::optional<std::string> derive_peer_uri(const std::string& uri, const std::string& hostname) {
    if (!check_uri(uri)) return std::nullopt;
    const Parts parts = split(uri);
    if (!names_no_host(parts) || parts.driver == "test") return uri;
    return "qemu+ssh://" + hostname + parts.path;
}

}  // namespace ballast::config
