// libvirt connection URIs: which ones Ballast accepts, and how hosts reach each other. Pure.
#pragma once

#include <optional>
#include <string>

#include "model/result.h"

namespace ballast::config {

/// A full URI of the qemu (or test) driver with a transport libvirt has, without a password in it. Fails with
/// ErrorCode::invalid and a message for the operator.
Result<std::string> check_uri(const std::string& text);

/// The same, or the name of an alias from libvirt.conf's uri_aliases.
Result<std::string> check_uri_or_alias(const std::string& text);

/// A full URI that means the same host wherever it is used.
Result<std::string> check_peer_uri(const std::string& text);

/// It means the machine it is used on. An alias never does, nor a socket of its own: that may be a tunnel.
bool is_local(const std::string& uri);

/// It names no other host: is_local(), or a socket that may lead anywhere.
bool could_be_local(const std::string& uri);

/// The URI by which the other hosts reach this one: a remote URI itself; for a local one qemu+ssh://HOSTNAME/... of
/// the same instance. Nothing for an alias, which only libvirt can resolve: such a host needs its own `peer_uri`.
std::optional<std::string> derive_peer_uri(const std::string& uri, const std::string& hostname);

}  // namespace ballast::config
