// A target that dies with a copy that had arrived [safety.md, invariant 1].
#include "tests/executor/power_lab.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("A target that is lost with a copy that had arrived is cleaned of it when it comes back") {
    PowerLab lab;
    VmRecord record;
    record.vm = {"vm"};
    record.name = "vm";
    record.host = {"h1"};
    record.persistent = true;
    record.definition = "vm";
    lab.executor->vms().set(record);
    REQUIRE(lab.wait(lab.executor->vms().written()));
    lab.world.inject({"vm"}, sim::Fault::finish_lost);
    REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false)));
    REQUIRE(lab.run_until([&] { return lab.world.running_on({"vm"}).size() == 2; }));
    lab.world.power_off({"h2"});
    lab.run_for(20s);
    REQUIRE(lab.wait(lab.power_switch->fence({"h2"}, "it is silent", "policy")));
    REQUIRE(lab.settle(5min));
    REQUIRE(lab.domain("h2", "vm") != nullptr);
    CHECK(lab.executor->vms().find({"vm"})->left == std::vector<HostId>{{"h2"}});
    REQUIRE(lab.wait(lab.power_switch->bring_back({"h2"})));
    REQUIRE(lab.run_until([&] { return lab.power_switch->record({"h2"})->state == PowerState::on; }));
    CHECK(lab.domain("h2", "vm") == nullptr);
    CHECK(lab.executor->vms().find({"vm"})->left.empty());
    CHECK(lab.where("vm") == "h1");
}
