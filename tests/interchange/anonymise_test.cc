// Names go, decisions stay.
#include "interchange/anonymise.h"

#include "policy/health.h"
#include "tests/interchange/samples.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("What is wrong with hosts is told without names, and means the same") {
    interchange::Record record = random_record(1);
    record.options.health.checks = {{"ups-of-acme", policy::HealthAction::evacuate}};
    for (auto& [id, host] : record.inventory.hosts)
        host.health = {{HealthSource::check, "ups-of-acme", "ups-of-acme: on battery"}};
    const auto anonymous = interchange::anonymised(record);
    CHECK(interchange::to_text(anonymous).find("acme") == std::string::npos);
    for (const auto& [id, host] : anonymous.inventory.hosts)
        CHECK(policy::wanted_action(anonymous.options.health, host) == policy::HealthAction::evacuate);
}

TEST_CASE("Without names the policy wants as many moves, of VMs of the same size") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        INFO("seed " << seed);
        const auto record = random_record(seed);
        const auto anonymous = interchange::anonymised(record);
        REQUIRE(anonymous.plan);
        REQUIRE(anonymous.plan->moves.size() == record.plan->moves.size());
        for (std::size_t i = 0; i < record.plan->moves.size(); ++i) {
            CHECK(anonymous.plan->moves[i].wave == record.plan->moves[i].wave);
            CHECK(anonymous.plan->moves[i].effect.target_cpu_after == record.plan->moves[i].effect.target_cpu_after);
        }
        CHECK(interchange::parse_record(interchange::to_text(anonymous)).has_value());
    }
}
