#include "config/page_table.h"

#include "config/names.h"

namespace ballast::config {

namespace {

using Problem = std::optional<std::string>;

void add(std::vector<Option<DaemonOptions>>& rows, const std::string& key, Codec<std::string> codec,
         std::string PageOptions::*member, std::string doc) {
    rows.push_back(
        option<DaemonOptions>("page." + key, std::move(codec), field(&DaemonOptions::page, member), std::move(doc)));
}

bool is_loopback(const std::string& address) {
    return address.starts_with("127.") || address.starts_with("[::1]:");
}

Problem all_or_none(const DaemonOptions& options) {
    const PageOptions& page = options.page;
    const bool tls = !page.cert_file.empty();
    if (tls == !page.key_file.empty() && tls == !page.users_file.empty()) return std::nullopt;
    return "`page.cert_file`, `page.key_file` and `page.users_file` go together: a password travels only over TLS";
}

Problem closed_to_others(const DaemonOptions& options) {
    const PageOptions& page = options.page;
    if (page.listen.empty() || is_loopback(page.listen) || !page.users_file.empty()) return std::nullopt;
    return "`page.listen` is reached from other machines, so it needs `page.cert_file`, `page.key_file` and "
           "`page.users_file`";
}

}  // namespace

void add_page(std::vector<Option<DaemonOptions>>& rows) {
    const auto path = text("absolute path or \"\" for none", check_path_or_none);
    add(rows, "listen", text("ADDRESS:PORT or \"\" for none", check_listen_address), &PageOptions::listen,
        "where browsers find the page, which changes nothing; without a login only on a loopback address");
    add(rows, "cert_file", path, &PageOptions::cert_file, "PEM, the certificate with those that signed it");
    add(rows, "key_file", path, &PageOptions::key_file, "PEM, its key; not to be open to others");
    add(rows, "users_file", path, &PageOptions::users_file,
        "who may look: a line NAME:HASH each, from `mkpasswd`; not to be open to others");
}

std::vector<Constraint<DaemonOptions>> page_constraints() {
    return {{{"page.cert_file", "page.key_file", "page.users_file"}, all_or_none},
            {{"page.listen", "page.users_file"}, closed_to_others}};
}

}  // namespace ballast::config
