// What `ballastctl init` writes: commented YAML of what was found and chosen, everything else as it is by default.
// Pure.
#pragma once

#include <string>
#include <vector>

namespace ballast::cli {

struct FirstHost {
    std::string name;
    std::string uri;
    std::string peer_uri;  // empty: what follows from uri
    std::string problem;   // why it does not answer; empty: it does
};

struct FirstConfiguration {
    std::string directory;  // with ballast.yaml and policy.d, absolute
    std::vector<FirstHost> hosts;
    std::vector<std::string> shared;
    std::vector<std::string> etcd;  // empty: the embedded store
    bool cluster = false;
    std::string mode = "observe";
};

std::string daemon_file(const FirstConfiguration& first);
std::string policy_file(const FirstConfiguration& first);

}  // namespace ballast::cli
