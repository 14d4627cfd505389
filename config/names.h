// What names, paths and addresses in a file may look like. Each returns the text itself, or ErrorCode::invalid with a
// message for the operator. Pure.
#pragma once

#include <string>

#include "model/result.h"

namespace ballast::config {

/// Of hosts, rules and Unix groups: 1-64 of A-Z a-z 0-9 . _ -, not beginning with a dash or a dot.
Result<std::string> check_name(const std::string& text);
/// A VM's name, UUID or a pattern with * and ?; 1-255 characters.
Result<std::string> check_vm_pattern(const std::string& text);
/// "/var/lib/ballast": absolute, without "." and ".." in it.
Result<std::string> check_path(const std::string& text);
/// An absolute path that fits into a socket address: 107 bytes [unix(7)].
Result<std::string> check_socket_path(const std::string& text);
/// The same, or nothing.
Result<std::string> check_path_or_none(const std::string& text);
/// Of etcd: "https://etcd1.example.org:2379", "http://[::1]:2379".
Result<std::string> check_endpoint(const std::string& text);
/// "/site1": one name after a slash, so that no prefix lies within another.
Result<std::string> check_key_prefix(const std::string& text);
/// A user of etcd, or nothing.
Result<std::string> check_user_or_none(const std::string& text);
/// "127.0.0.1:9477", "[::1]:9477"; empty switches the listener off.
Result<std::string> check_listen_address(const std::string& text);

}  // namespace ballast::config
