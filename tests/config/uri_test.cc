#include "config/uri.h"

#include <catch2/catch.hpp>

using namespace ballast::config;

TEST_CASE("URIs of libvirt's qemu driver are accepted") {
    for (const std::string uri : {"qemu:///system", "qemu:///session", "qemu+unix:///system", "qemu+ssh://host1/system",
                                  "qemu+ssh://root@host1.example.org:2222/system", "qemu+tls://host1/system",
                                  "qemu+tcp://10.0.0.1/system", "qemu+ssh://[fd00::1]/system", "qemu://host1/system",
                                  "qemu+ssh://host1/system?keyfile=/etc/ballast/id&no_verify=0",
                                  "qemu+unix:///system?socket=/run/libvirt/libvirt-sock", "test:///default"}) {
        INFO(uri);
        CHECK(check_uri(uri).has_value());
        CHECK(check_uri_or_alias(uri).has_value());
    }
}

TEST_CASE("Local is what names no host") {
    for (const char* local : {"qemu:///system", "qemu+unix:///system", "test:///default"}) {
        CHECK(is_local(local));
        CHECK(could_be_local(local));
    }
    for (const char* tunnel : {"qemu+unix:///system?socket=/run/x", "qemu+ext:///system?command=/usr/bin/x"}) {
        CHECK_FALSE(is_local(tunnel));
        CHECK(could_be_local(tunnel));
    }
    for (const char* other : {"qemu://host1/system", "qemu+ssh://root@host1/system", "rack1-host2"}) {
        CHECK_FALSE(is_local(other));
        CHECK_FALSE(could_be_local(other));
    }
}

TEST_CASE("An alias of libvirt.conf is accepted for reaching a host, not for its peers") {
    CHECK(check_uri_or_alias("rack1-host2").has_value());
    CHECK_FALSE(check_uri("rack1-host2").has_value());
    CHECK_FALSE(check_uri_or_alias("-rack1").has_value());
    CHECK_FALSE(check_uri_or_alias("rack1.example.org").has_value());
    CHECK_FALSE(check_peer_uri("rack1-host2").has_value());
}

TEST_CASE("A peer URI names its host") {
    CHECK(check_peer_uri("qemu+ssh://host1/system").has_value());
    CHECK_FALSE(check_peer_uri("qemu:///system").has_value());
    CHECK_FALSE(check_peer_uri("qemu+unix:///system").has_value());
}

TEST_CASE("What is not a usable URI is refused with a reason") {
    struct Refusal {
        std::string uri, words;
    };
    const std::vector<Refusal> refusals = {
        {"xen:///system", "has to begin with qemu"},     {"://host1/system", "has to begin with qemu"},
        {"qemu+rsh://host1/system", "no transport"},     {"qemu+ssh:///system", "needs a host"},
        {"qemu+unix://host1/system", "local host only"}, {"qemu+ssh://host1", "/system"},
        {"qemu+ssh://host1/system/", "/system"},         {"qemu+ssh://host1/embed?root=/tmp", "/system"},
        {"qemu+ssh://me:pw@host1/system", "password"},   {"qemu+ssh://-oProxyCommand=x/system", "forbidden"},
        {"qemu+ssh://-l@host1/system", "forbidden"},     {"qemu+ssh://ho st/system", "forbidden"},
        {"qemu+ssh://$(id)/system", "forbidden"},        {"", "write it like"}};
    for (const auto& refusal : refusals) {
        INFO(refusal.uri);
        const auto checked = check_uri(refusal.uri);
        REQUIRE_FALSE(checked.has_value());
        CHECK_THAT(checked.error().message, Catch::Contains(refusal.words));
    }
}

TEST_CASE("The peers reach a remote host by the same URI and the local one by ssh") {
    CHECK(derive_peer_uri("qemu+ssh://host1/system", "here") == "qemu+ssh://host1/system");
    CHECK(derive_peer_uri("qemu+tls://host1/system", "here") == "qemu+tls://host1/system");
    CHECK(derive_peer_uri("qemu:///system", "here") == "qemu+ssh://here/system");
    CHECK(derive_peer_uri("qemu+unix:///session", "here.example.org") == "qemu+ssh://here.example.org/session");
    CHECK(derive_peer_uri("some-alias", "here") == std::nullopt);
}
