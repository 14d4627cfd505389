#include "cluster/term_power.h"

#include "tests/cluster/bench.h"
#include "tests/support/fake_power.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("a leader that is not certain of its term orders nothing of a BMC, and may look all the same") {
    ClusterBench bench;
    FakePower fake(bench.clock);
    fake.add_host("h1");
    bool certain = true;
    cluster::TermPower power(fake, [&] { return certain; });
    REQUIRE(bench.wait(power.hosts()));
    CHECK(bench.wait(power.switch_off(h1)));
    certain = false;
    CHECK(bench.wait(power.switch_on(h1)).error().code == ErrorCode::unavailable);
    CHECK_FALSE(bench.wait(power.switch_off(h1)));
    CHECK_FALSE(bench.wait(power.shut_down_softly(h1)));
    CHECK(*bench.wait(power.status(h1)) == Power::off);
    CHECK(power.knows(h1));
    CHECK(fake.orders == std::vector<std::string>{"off h1"});
}
