#include "cluster/report.h"

#include <catch2/catch.hpp>

using namespace ballast;
using cluster::Report;
using collectors::Sample;

namespace {

const VmId web{"11111111-1111-1111-1111-111111111111"}, db{"22222222-2222-2222-2222-222222222222"};

Report full_report() {
    Report report;
    report.by = 41;
    report.sources["libvirt"];
    report.sources["pressure"] = Error{ErrorCode::unavailable, "psi", "the kernel has none"};
    Sample& sample = report.sample.emplace();
    sample.load.cpu_used_cores = 3.25;
    sample.load.memory_available = gib(7);
    sample.load.pressure.memory_full = 0.125;
    sample.load.free_huge_pages = {{mib(2), 12}, {gib(1), 0}};
    sample.counted = collectors::CpuCounted{9'007'199'254'740'993, 18'000'000'000'000'000'001u};
    Sample::SampledVm& vm = sample.vms[web];
    vm = {"web", VmState::running, 7, {}};
    vm.load.cpu_used_cores = 0.75;
    vm.load.ready_ratio = 0.012;
    vm.load.memory_rss = mib(900);
    vm.load.memory_usable = mib(100);
    vm.load.net_tx_mib_per_s = 2.5;
    sample.vms[db] = {"db \"one\"", VmState::paused, -1, {}};
    return report;
}

/// The report after something has changed.
template <class Change>
Report changed(Change change) {
    Report report = full_report();
    change(report);
    return report;
}

}  // namespace

TEST_CASE("a report says the same after its way through the store, and what was not known stays so") {
    const auto read = cluster::report_from(to_text(full_report()));
    REQUIRE(read.has_value());
    CHECK(read->by == 41);
    REQUIRE(read->sources.size() == 2);
    CHECK_FALSE(read->sources.at("libvirt"));
    CHECK(read->sources.at("pressure") == full_report().sources.at("pressure"));
    REQUIRE(read->sample);
    const Sample& sample = *read->sample;
    CHECK(*sample.load.cpu_used_cores == Approx(3.25));
    CHECK(*sample.load.memory_available == gib(7));
    CHECK_FALSE(sample.load.swap_in_mib_per_s);
    CHECK_FALSE(sample.load.pressure.cpu_some);
    CHECK(*sample.load.pressure.memory_full == Approx(0.125));
    CHECK(sample.load.free_huge_pages == full_report().sample->load.free_huge_pages);
    CHECK(sample.counted->busy_ns == 9'007'199'254'740'993);
    CHECK(sample.counted->total_ns == 18'000'000'000'000'000'001u);
    REQUIRE(sample.vms.size() == 2);
    const Sample::SampledVm& vm = sample.vms.at(web);
    CHECK((vm.name == "web" && vm.state == VmState::running && vm.libvirt_id == 7));
    CHECK(*vm.load.cpu_used_cores == Approx(0.75));
    CHECK(*vm.load.ready_ratio == Approx(0.012));
    CHECK(*vm.load.memory_rss == mib(900));
    CHECK_FALSE(vm.load.memory_balloon);
    CHECK(*vm.load.memory_usable == mib(100));
    CHECK(*vm.load.net_tx_mib_per_s == Approx(2.5));
    CHECK_FALSE(vm.load.dirty_rate_mib_per_s);
    CHECK((sample.vms.at(db).name == "db \"one\"" && sample.vms.at(db).state == VmState::paused));
    CHECK(sample.vms.at(db).libvirt_id == -1);
    CHECK_FALSE(cluster::differ(full_report(), *read));
}

TEST_CASE("a report without an answer of libvirt has no sample") {
    Report report;
    report.by = 5;
    report.sources["libvirt"] = Error{ErrorCode::timed_out, "h1", "no answer"};
    const auto read = cluster::report_from(to_text(report));
    REQUIRE(read.has_value());
    CHECK_FALSE(read->sample);
    CHECK(read->sources.at("libvirt")->code == ErrorCode::timed_out);
}

TEST_CASE("what is no report is corrupt") {
    for (const char* text :
         {"", "[]", "{}", R"({"by":"x","sources":{}})", R"({"by":1,"sources":{},"host":[]})",
          R"({"by":1,"sources":{},"host":[-1],"vms":[]})", R"({"by":1,"sources":{},"host":[],"vms":[[]]})",
          R"({"by":1,"sources":{},"host":[],"vms":[["u","n","running"]]})", R"({"by":1,"sources":{"libvirt":[1]}})"}) {
        INFO(text);
        const auto read = cluster::report_from(text);
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().code == ErrorCode::corrupt);
    }
}

TEST_CASE("a report of twenty vms takes less than three kilobytes") {
    Report report = full_report();
    VmLoad load;
    load.cpu_used_cores = load.ready_ratio = load.swap_in_mib_per_s = load.major_faults_per_s = 0.5;
    load.block_read_mib_per_s = load.block_write_mib_per_s = load.net_rx_mib_per_s = load.net_tx_mib_per_s = 12.3;
    load.memory_rss = load.memory_balloon = load.memory_usable = gib(4);
    for (int i = 10; i < 28; ++i)
        report.sample->vms[{"33333333-3333-3333-3333-3333333333" + std::to_string(i)}] = {"guest-of-somebody",
                                                                                          VmState::running, i, load};
    CHECK(to_text(report).size() < 3000);
}

TEST_CASE("what leaves its dead band is worth telling, and nothing else is") {
    struct Case {
        const char* what;
        Report now;
        bool tell, vms;
    };
    const auto vm = [](auto change) { return changed([&](Report& r) { change(r.sample->vms[web]); }); };
    const auto host = [](auto change) { return changed([&](Report& r) { change(r.sample->load); }); };
    const Case cases[] = {
        {"nothing", full_report(), false, false},
        {"another incarnation", changed([](Report& r) { r.by = 42; }), false, false},
        {"cpu within an amount", vm([](auto& v) { v.load.cpu_used_cores = 0.84; }), false, false},
        {"cpu beyond", vm([](auto& v) { v.load.cpu_used_cores = 0.86; }), true, false},
        {"cpu beyond, down", vm([](auto& v) { v.load.cpu_used_cores = 0.64; }), true, false},
        {"ready time", vm([](auto& v) { v.load.ready_ratio = 0.04; }), true, false},
        {"memory within", vm([](auto& v) { v.load.memory_rss = mib(950); }), false, false},
        {"memory beyond, down", vm([](auto& v) { v.load.memory_rss = mib(820); }), true, false},
        {"a figure that is not known any more", vm([](auto& v) { v.load.memory_rss.reset(); }), true, false},
        {"one that is known now", vm([](auto& v) { v.load.dirty_rate_mib_per_s = 0; }), true, false},
        {"the host's cpu within", host([](auto& h) { h.cpu_used_cores = 3.4; }), false, false},
        {"the host's cpu beyond", host([](auto& h) { h.cpu_used_cores = 3.5; }), true, false},
        {"the host's memory", host([](auto& h) { h.memory_available = gib(6); }), true, false},
        {"pressure", host([](auto& h) { h.pressure.memory_full = 0.2; }), true, false},
        {"huge pages", host([](auto& h) { h.free_huge_pages[mib(2)] = 11; }), true, false},
        {"what the cpus have counted", changed([](Report& r) { r.sample->counted->busy_ns += 5; }), false, false},
        {"a vm that is gone", changed([](Report& r) { r.sample->vms.erase(db); }), true, true},
        {"another state", vm([](auto& v) { v.state = VmState::paused; }), true, true},
        {"another run", vm([](auto& v) { v.libvirt_id = 8; }), true, true},
        {"another name", vm([](auto& v) { v.name = "www"; }), true, true},
        {"a source that is back", changed([](Report& r) { r.sources["pressure"].reset(); }), true, false},
        {"a source more", changed([](Report& r) { r.sources["swap"]; }), true, false},
        {"other words of a problem", changed([](Report& r) { r.sources["pressure"]->message = "none"; }), false, false},
        {"no sample", changed([](Report& r) { r.sample.reset(); }), true, true},
    };
    for (const Case& one : cases) {
        INFO(one.what);
        CHECK(cluster::differ(full_report(), one.now) == one.tell);
        CHECK(cluster::vms_differ(full_report(), one.now) == one.vms);
    }
}

TEST_CASE("a slow drift is told once it has left the band around what was told last") {
    Report told = full_report();
    int tellings = 0;
    for (int i = 1; i <= 40; ++i) {
        const Report now = changed([&](Report& r) { r.sample->vms[web].load.cpu_used_cores = 0.75 + 0.02 * i; });
        if (!cluster::differ(told, now)) continue;
        told = now;
        ++tellings;
    }
    CHECK(tellings >= 5);
    CHECK(tellings <= 8);
}
