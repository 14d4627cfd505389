// What /etc/ballast/ballast.yaml says about the page for browsers. See docs/page.md.
#pragma once

#include <string>

namespace ballast::config {

struct PageOptions {
    std::string listen = "127.0.0.1:9478";  // empty: no page
    std::string cert_file{}, key_file{};    // PEM; empty: HTTP without TLS
    std::string users_file{};               // NAME:HASH a line; empty: whoever reaches it may look
};

}  // namespace ballast::config
