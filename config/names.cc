#include "config/names.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <string_view>

#include "config/quantities.h"
#include "config/text.h"

namespace ballast::config {

namespace {

Error invalid(std::string message) {
    return {ErrorCode::invalid, {}, std::move(message)};
}

bool name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

bool is_ip_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), address.data()) == 1;
    return inet_pton(AF_INET, host.c_str(), address.data()) == 1;
}

bool is_port(const std::string& text) {
    const auto number = parse_count(text);
    return number && *number >= 1 && *number <= 65535;
}

}  // namespace

Result<std::string> check_name(const std::string& text) {
    const bool fits = !text.empty() && text.size() <= 64 && text.front() != '-' && text.front() != '.';
    if (fits && std::all_of(text.begin(), text.end(), name_character)) return text;
    return invalid(quoted(text) + " is not a name; use up to 64 letters, digits, dots, dashes and underscores");
}

Result<std::string> check_vm_pattern(const std::string& text) {
    if (text.empty()) return invalid("an empty name matches no VM");
    if (text.size() > 255) return invalid("the name is longer than 255 bytes");
    return text;
}

Result<std::string> check_path(const std::string& text) {
    if (!text.starts_with('/')) return invalid("expected an absolute path, found " + quoted(text));
    if (text.size() > 4095) return invalid("the path is longer than 4095 bytes");
    const std::string closed = text + "/";
    if (closed.find("/../") != std::string::npos || closed.find("/./") != std::string::npos) {
        return invalid(quoted(text) + " has `.` or `..` in it; write the path out");
    }
    return text;
}

Result<std::string> check_path_or_none(const std::string& text) {
    return text.empty() ? Result<std::string>(text) : check_path(text);
}

Result<std::string> check_endpoint(const std::string& text) {
    const auto scheme = text.find("://");
    const bool known = text.starts_with("https://") || text.starts_with("http://");
    const std::string address = known ? text.substr(scheme + 3) : std::string();
    const auto colon = address.rfind(':');
    const std::string host = address.substr(0, colon);
    const bool has_host = is_ip_address(host) || (!host.empty() && check_name(host));
    if (colon != std::string::npos && has_host && is_port(address.substr(colon + 1))) return text;
    return invalid("expected a member of etcd such as `https://etcd1.example.org:2379`, found " + quoted(text));
}

Result<std::string> check_key_prefix(const std::string& text) {
    if (text.starts_with('/') && check_name(text.substr(1))) return text;
    return invalid(quoted(text) + " is not a prefix; use a slash and one name, such as `/ballast`");
}

Result<std::string> check_user_or_none(const std::string& text) {
    return text.empty() ? Result<std::string>(text) : check_name(text);
}

Result<std::string> check_socket_path(const std::string& text) {
    if (text.size() > 107) return invalid("a socket's path has at most 107 bytes");
    return check_path(text);
}

Result<std::string> check_listen_address(const std::string& text) {
    if (text.empty()) return text;
    const auto colon = text.rfind(':');
    const auto port = colon == std::string::npos ? std::string() : text.substr(colon + 1);
    if (is_port(port) && is_ip_address(text.substr(0, colon))) return text;
    return invalid("expected ADDRESS:PORT such as `127.0.0.1:9477` or `[::1]:9477`, or \"\" for none, found " +
                   quoted(text));
}

}  // namespace ballast::config
