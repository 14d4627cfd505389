// Disks that are copied along: what is created on the target, and that nothing else is ever removed.
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using sim::Fault;

namespace {

constexpr const char* image = "/var/lib/images/vm.raw";

sim::VmSpec with_disk() {
    sim::VmSpec spec;
    VmDisk disk;
    disk.target = "vda";
    disk.type = "file";
    disk.source = image;
    disk.format = "raw";
    disk.capacity = disk.allocated = gib(10);
    spec.disks = {disk};
    return spec;
}

Operation draft_with_disk(const Lab& lab, const char* from = "h1", const char* to = "h2") {
    Operation draft = lab.draft("vm", from, to, Trigger::maintenance);
    draft.disks = {"vda"};
    return draft;
}

Operation moved_with_disk(Lab& lab, const char* from = "h1", const char* to = "h2") {
    const auto id = lab.wait(lab.executor->submit(draft_with_disk(lab, from, to), false));
    REQUIRE(id);
    REQUIRE(lab.settle());
    return lab.record(*id);
}

std::set<std::string>& images(Lab& lab, const char* host) {
    return lab.world.host({host})->images;
}

void own(Lab& lab) {
    VmRecord record;
    record.vm = {"vm"};
    record.host = {"h1"};
    lab.executor->vms().set(record);
}

}  // namespace

TEST_CASE("A disk is copied into an image that was created for it, and the old one is named and stays") {
    Lab lab;
    own(lab);
    lab.vm("vm", with_disk());
    const Operation ended = moved_with_disk(lab);
    CHECK(ended.state == OperationState::done);
    CHECK(ended.disk == gib(10));
    CHECK(ended.message.find("the images on h1 stay as they were then: /var/lib/images/vm.raw") != std::string::npos);
    CHECK(images(lab, "h2").contains(image));
    const VmRecord* record = lab.executor->vms().find({"vm"});
    REQUIRE(record);
    CHECK(record->images == std::vector<LeftImage>{{{"h1"}, image}});
}

TEST_CASE("An image that is there already is nobody's to write over") {
    Lab lab;
    lab.vm("vm", with_disk());
    images(lab, "h2").insert(image);
    const Operation ended = moved_with_disk(lab);
    CHECK(ended.state == OperationState::rolled_back);
    CHECK(ended.message.find("exists there already") != std::string::npos);
    CHECK(lab.where("vm") == "h1");
    CHECK(images(lab, "h2").contains(image));
}

TEST_CASE("A VM that comes back writes over the image that it left there") {
    Lab lab;
    own(lab);
    lab.vm("vm", with_disk());
    images(lab, "h1").insert(image);
    REQUIRE(moved_with_disk(lab).state == OperationState::done);
    const Operation back = moved_with_disk(lab, "h2", "h1");
    CHECK(back.state == OperationState::done);
    CHECK(lab.where("vm") == "h1");
    CHECK(lab.executor->vms().find({"vm"})->images == std::vector<LeftImage>{{{"h2"}, image}});
}

TEST_CASE("A half copy goes with the migration that failed, and only what that one created") {
    for (const Fault fault : {Fault::target_qemu_killed_before_pause, Fault::target_libvirtd_restarts_in_prepare}) {
        Lab lab;
        lab.vm("vm", with_disk());
        images(lab, "h2").insert("/var/lib/images/other.raw");
        lab.world.inject({"vm"}, fault);
        const Operation ended = moved_with_disk(lab);
        CHECK(ended.state == OperationState::rolled_back);
        CHECK(lab.where("vm") == "h1");
        CHECK(images(lab, "h2") == std::set<std::string>{"/var/lib/images/other.raw"});
    }
}

TEST_CASE("What was created for a migration that was cancelled or refused is removed as well") {
    Lab lab;
    lab.vm("vm", with_disk());
    const auto id = lab.wait(lab.executor->submit(draft_with_disk(lab), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.in_state(OperationState::running); }));
    CHECK(images(lab, "h2").contains(image));
    REQUIRE(lab.wait(lab.executor->cancel(*id, "test")));
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::cancelled);
    CHECK(images(lab, "h2").empty());
}

TEST_CASE("After a crash at any step the VM runs once, and no half copy is left where it did not arrive") {
    for (std::uint64_t crash_at = 1; crash_at < 60; ++crash_at) {
        CAPTURE(crash_at);
        Lab lab;
        lab.vm("vm", with_disk());
        lab.die();
        lab.boot(crash_at);
        lab.ask(lab.executor->submit(draft_with_disk(lab), false));
        lab.run_for(10min);
        if (!lab.crashes.dead()) break;
        lab.reboot();
        REQUIRE(lab.settle());
        const std::string host = lab.where("vm");
        CHECK((host == "h1" || host == "h2"));
        if (host == "h2") CHECK(images(lab, "h2").contains(image));
    }
}

TEST_CASE("A disk that is not there any more ends the operation before anything is done") {
    Lab lab;
    lab.vm("vm");
    const Operation ended = moved_with_disk(lab);
    CHECK(ended.state == OperationState::rolled_back);
    CHECK(ended.message.find("has no disk vda any more") != std::string::npos);
}

TEST_CASE("With disks to copy there is no post-copy") {
    Lab lab;
    lab.settings.post_copy = true;
    lab.executor->configure(lab.settings);
    sim::VmSpec spec = with_disk();
    spec.dirty_mib_per_s = 100000;
    lab.vm("vm", spec);
    const Operation ended = moved_with_disk(lab);
    CHECK(ended.state == OperationState::rolled_back);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("The deadline counts the disks, and what a cap between sites allows") {
    Settings settings;
    settings.sites = {{{"h1"}, "a"}, {{"h2"}, "a"}, {{"h3"}, "b"}};
    Operation op;
    op.from = {"h1"};
    op.to = {"h3"};
    op.memory = gib(2);
    op.disk = gib(6);
    CHECK(executor::deadline_for(op, settings) == 1200s);
    settings.between_sites_bandwidth_mib_per_s = 8;
    CHECK(executor::deadline_for(op, settings) == 3072s);
    CHECK(settings.bandwidth_for(op) == 8);
    op.to = {"h2"};
    CHECK(executor::deadline_for(op, settings) == 1200s);
    CHECK_FALSE(settings.bandwidth_for(op));
}

TEST_CASE("Between two sites only so many migrations are accepted, either way") {
    Lab lab;
    lab.settings.sites = {{{"h1"}, "a"}, {{"h2"}, "b"}, {{"h3"}, "b"}};
    lab.settings.between_sites_slots = 1;
    lab.executor->configure(lab.settings);
    lab.vm("one");
    lab.vm("two");
    REQUIRE(lab.wait(lab.executor->submit(lab.draft("one", "h1", "h2"), false)));
    CHECK_FALSE(lab.executor->slot_free({"h1"}, {"h3"}));
    CHECK_FALSE(lab.executor->slot_free({"h3"}, {"h1"}));
    CHECK(lab.executor->slot_free({"h2"}, {"h3"}));
    CHECK_FALSE(lab.wait(lab.executor->submit(lab.draft("two", "h1", "h3"), false)));
}
