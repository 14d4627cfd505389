// What is remembered of VMs that were heard to end, and for how long.
#include "daemon/heard_ends.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace std::chrono_literals;

namespace {
const VmId recorded{"a"}, unrecorded{"b"};
const auto is_recorded = [](const VmId& vm) { return vm == recorded; };
}  // namespace

TEST_CASE("An end is taken into account once") {
    daemon::HeardEnds ends;
    ends.heard(recorded, Instant{});
    CHECK(ends.take(recorded));
    CHECK_FALSE(ends.take(recorded));
}

TEST_CASE("The end of a VM that is on record is remembered until somebody takes it, that of another for a minute") {
    daemon::HeardEnds ends;
    ends.heard(recorded, Instant{});
    ends.heard(unrecorded, Instant{});
    ends.prune(Instant{} + 50s, is_recorded);
    CHECK(ends.size() == 2);
    ends.prune(Instant{} + 70s, is_recorded);
    CHECK(ends.size() == 1);
    CHECK_FALSE(ends.take(unrecorded));
    ends.prune(Instant{} + 24h, is_recorded);
    CHECK(ends.take(recorded));
}

TEST_CASE("A VM that ends again and again is one to remember, for a minute from its last end") {
    daemon::HeardEnds ends;
    for (auto at = 0s; at <= 600s; at += 10s) ends.heard(unrecorded, Instant{} + at);
    CHECK(ends.size() == 1);
    ends.prune(Instant{} + 650s, is_recorded);
    CHECK(ends.size() == 1);
}
