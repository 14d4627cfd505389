// CloudSim's published runs, reproduced: skipped, and said so, where the traces are not there.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "sim/trace/bound.h"
#include "sim/trace/ours.h"
#include "sim/trace/peers.h"

using namespace ballast;
using namespace ballast::sim::trace;

namespace {

struct Published {
    const char* day;
    PeerOptions peer;
    double energy_kwh;
    std::size_t migrations, shutdowns;
    double slatah_pct, pdm_pct;
};

// Java runs of the tags cloudsim-3.0.3 and cloudsim-3.0, files of a day in byte order of their names.
const std::vector<Published> published = {
    {"20110303", {Peer::npa, {}, Release::v3_0_3}, 2410.80280, 0, 455, 0, 0},
    {"20110303", {Peer::dvfs, {}, Release::v3_0_3}, 802.75449, 0, 455, 0, 0},
    {"20110303", {Peer::thr, {}, Release::v3_0_3}, 192.62307, 26711, 5885, 4.913283, 0.064637},
    {"20110303", {Peer::lrr, {}, Release::v3_0_3}, 163.47722, 27859, 5053, 5.857948, 0.079275},
    {"20110306", {Peer::mad, {}, Release::v3_0_3}, 140.07133, 20682, 4593, 5.196408, 0.072033},
    {"20110306", {Peer::iqr, {}, Release::v3_0_0}, 87.65693, 19930, 1484, 4.552076, 0.092444},
    {"20110303", {Peer::lrr, {}, Release::v3_0_0}, 116.60557, 19745, 1449, 4.241495, 0.068694}};

std::optional<Workload> day(const std::string& name) {
    const char* folder = std::getenv("BALLAST_PLANETLAB");
    const std::string path =
        (folder ? std::string(folder) : std::string(BALLAST_SOURCE) + "/../shared/data/planetlab") + "/" + name +
        ".csv.gz";
    if (!std::filesystem::exists(path)) {
        WARN("skipped: no " + path);
        return {};
    }
    auto workload = load_workload(path);
    REQUIRE(workload.has_value());
    return std::move(*workload);
}

}  // namespace

TEST_CASE("CloudSim's figures are reproduced to the printed digit") {
    for (const auto& expected : published) {
        const auto workload = day(expected.day);
        if (!workload) return;
        const auto decider = make_peer(expected.peer);
        const auto metrics = simulate_day(planetlab_setting(published_rules()), *workload, *decider);
        INFO(expected.day << " " << to_string(expected.peer.peer));
        CHECK(metrics.energy_kwh == Approx(expected.energy_kwh).margin(0.000006).epsilon(0));
        CHECK(metrics.migrations == expected.migrations);
        CHECK(metrics.shutdowns == expected.shutdowns);
        CHECK(metrics.slatah() * 100 == Approx(expected.slatah_pct).margin(0.0000006).epsilon(0));
        CHECK(metrics.pdm() * 100 == Approx(expected.pdm_pct).margin(0.0000006).epsilon(0));
    }
}

TEST_CASE("Ballast's consolidation stays far below CloudSim's moves and violations at less energy") {
    const auto workload = day("20110303");
    if (!workload) return;
    const auto setting = planetlab_setting(published_rules());
    const auto first = simulate_day(setting, *workload, *make_ours({}));
    CHECK(first.energy_kwh <= 1.3 * energy_bound_kwh(setting, *workload));
    CHECK(first.migrations <= 26282 / 15);
    CHECK(first.esv() <= 5.712640e-3 / 200);
    const auto again = simulate_day(setting, *workload, *make_ours({}));
    CHECK(first.energy_kwh == again.energy_kwh);
    CHECK(first.migrations == again.migrations);
}
