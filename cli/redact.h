// Takes secrets out of text that is handed to others: configuration, logs, JSON, domain XML. Rather too much than too
// little. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace ballast::cli {

inline constexpr std::string_view redacted = "[removed]";

/// Without private keys in PEM, what follows a word for a secret (password, token, ...; of an option, in YAML, JSON,
/// XML, a query), user info in URLs, credentials of HTTP, hashes of passwords, JSON web tokens, and every text of
/// `known`, longest first.
std::string without_secrets(const std::string& text, const std::set<std::string>& known = {});

/// Values of keys in YAML or `key=value` lines that are words for secrets, to be looked for elsewhere as well; those of
/// less than 4 characters would take apart what is no secret, and are left out.
std::set<std::string> secrets_in(const std::string& text);

}  // namespace ballast::cli
