#include <catch2/catch.hpp>

#include "config/load.h"
#include "config/render.h"

using namespace ballast;
using namespace ballast::config;

TEST_CASE("An empty policy gives the defaults") {
    const auto loaded = check_policy_text({{"p.yaml", ""}});
    REQUIRE(loaded);
    CHECK(to_yaml(*loaded) == policy_defaults_as_yaml());
}

TEST_CASE("The defaults as YAML load as the defaults") {
    const auto loaded = check_policy_text({{"p.yaml", policy_defaults_as_yaml()}});
    INFO(to_string(loaded.problems()) << policy_defaults_as_yaml());
    REQUIRE(loaded);
    CHECK(to_yaml(*loaded) == policy_defaults_as_yaml());
    const auto daemon = check_daemon_text({"d.yaml", daemon_defaults_as_yaml()});
    INFO(to_string(daemon.problems()) << daemon_defaults_as_yaml());
    REQUIRE(daemon);
    CHECK(to_yaml(*daemon) == daemon_defaults_as_yaml());
}
