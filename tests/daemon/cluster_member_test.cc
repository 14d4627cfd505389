#include "daemon/cluster_member.h"

#include <catch2/catch.hpp>

#include "config/uri.h"

using namespace ballast;

namespace {

config::DaemonOptions three_hosts() {
    config::DaemonOptions options;
    for (const char* name : {"h1", "h2", "h3"}) {
        config::HostOptions host;
        host.id = {name};
        host.uri = std::string("qemu+tls://") + name + "/system";
        options.hosts.push_back(host);
    }
    options.hosts[1].peer_uri = "qemu+tls://h2.fast/system";
    options.hosts[2].uri = "qemu:///system";
    options.hosts[2].peer_uri = "qemu+ssh://h3/system";
    return options;
}

}  // namespace

TEST_CASE("a member is the agent of the host that is called as its machine") {
    CHECK(daemon::own_host(three_hosts(), "h2") == HostId{"h2"});
    CHECK_FALSE(daemon::own_host(three_hosts(), "h4"));
}

TEST_CASE(
    "with one file on all hosts each member reaches its own by the local libvirt and the others by their address") {
    for (const char* own : {"h1", "h2", "h3"}) {
        const auto seen = daemon::seen_from(three_hosts(), {own});
        for (const config::HostOptions& host : seen.hosts) CHECK(config::is_local(host.uri) == (host.id.value == own));
        CHECK(*seen.hosts[0].peer_uri == "qemu+tls://h1/system");
        CHECK(*seen.hosts[1].peer_uri == "qemu+tls://h2.fast/system");
        CHECK(*seen.hosts[2].peer_uri == "qemu+ssh://h3/system");
    }
    CHECK(daemon::seen_from(three_hosts(), {"h1"}).hosts[1].uri == "qemu+tls://h2.fast/system");
    CHECK(daemon::seen_from(three_hosts(), {"h1"}).hosts[2].uri == "qemu+ssh://h3/system");
}
