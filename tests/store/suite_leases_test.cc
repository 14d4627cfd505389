// Shared suite: leases. Times are parts of what the bench calls a short lease, with wide margins, so that a store with
// a clock of its own passes too.
#include "tests/store/store_benches.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

LeaseId grant(StoreBench& bench, Duration time_to_live) {
    return bench.wait(bench.store().grant(time_to_live)).value();
}

/// Lets time pass until the key is gone, at most the given time. Servers revoke late, never early.
bool gone_within(StoreBench& bench, const std::string& key, Duration longest) {
    const Duration step = bench.short_lease() / 5;
    for (Duration passed{}; passed <= longest; passed += step) {
        if (!bench.get(key)) return true;
        bench.pass(step);
    }
    return !bench.get(key);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("The keys of a lease are erased together when it ends", "[store]", StoreBenches) {
    TestType bench;
    const LeaseId lease = grant(bench, bench.short_lease());
    bench.change({put("/a", "1", lease), put("/b", "2", lease), put("/stays", "3")});
    CHECK(bench.get("/a")->lease == lease);
    const Revision before = bench.revision();
    Recorder recorder;
    recorder.watch(bench.store(), "/", before);
    REQUIRE(gone_within(bench, "/a", 4 * bench.short_lease()));
    CHECK(bench.keys("") == Lines{"/stays"});
    CHECK(bench.revision() == before + 1);
    REQUIRE(bench.run_until([&] { return recorder.events.size() >= 2; }));
    CHECK(recorder.lines() == Lines{"/a erased", "/b erased"});
    CHECK(recorder.events[0].entry.mod_revision == recorder.events[1].entry.mod_revision);
}

TEMPLATE_LIST_TEST_CASE("A lease that is kept alive does not end", "[store]", StoreBenches) {
    TestType bench;
    const LeaseId lease = grant(bench, bench.short_lease());
    bench.change({put("/a", "1", lease)});
    for (int i = 0; i < 4; ++i) {
        bench.pass(bench.short_lease() * 2 / 5);
        REQUIRE(bench.wait(bench.store().keep_alive(lease)).has_value());
    }
    CHECK(bench.get("/a"));
    CHECK(gone_within(bench, "/a", 4 * bench.short_lease()));
}

TEMPLATE_LIST_TEST_CASE("A lease that has ended is not found, and its keys are gone by then", "[store]", StoreBenches) {
    TestType bench;
    const LeaseId lease = grant(bench, bench.short_lease());
    bench.change({put("/a", "1", lease)});
    REQUIRE(gone_within(bench, "/a", 4 * bench.short_lease()));
    CHECK(bench.error(bench.store().keep_alive(lease)) == ErrorCode::not_found);
    CHECK(bench.error(bench.store().revoke(lease)) == ErrorCode::not_found);
    CHECK(bench.error(bench.store().commit(transaction({put("/b", "2", lease)}))) == ErrorCode::not_found);
    CHECK_FALSE(bench.get("/b"));
}

TEMPLATE_LIST_TEST_CASE("Revoking a lease erases its keys at once, in one revision", "[store]", StoreBenches) {
    TestType bench;
    const LeaseId lease = grant(bench, seconds(60));
    bench.change({put("/a", "1", lease), put("/b", "2", lease)});
    const Revision before = bench.revision();
    REQUIRE(bench.wait(bench.store().revoke(lease)).has_value());
    CHECK(bench.list("/").empty());
    CHECK(bench.revision() == before + 1);
    CHECK(bench.error(bench.store().keep_alive(lease)) == ErrorCode::not_found);
}

TEMPLATE_LIST_TEST_CASE("A lease without keys takes no revision to end", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.revision();
    const LeaseId lease = grant(bench, seconds(60));
    REQUIRE(bench.wait(bench.store().revoke(lease)).has_value());
    CHECK(bench.revision() == before);
}

TEMPLATE_LIST_TEST_CASE("A put without a lease frees the key of its lease", "[store]", StoreBenches) {
    TestType bench;
    const LeaseId first = grant(bench, seconds(60)), second = grant(bench, seconds(60));
    CHECK(first != second);
    bench.change({put("/freed", "1", first), put("/moved", "1", first), put("/stays", "1", first)});
    bench.change({put("/freed", "2"), put("/moved", "2", second)});
    REQUIRE(bench.wait(bench.store().revoke(first)).has_value());
    CHECK(bench.keys("/") == Lines{"/freed", "/moved"});
    REQUIRE(bench.wait(bench.store().revoke(second)).has_value());
    CHECK(bench.keys("/") == Lines{"/freed"});
}

TEMPLATE_LIST_TEST_CASE("A put with a lease nobody was granted is refused as a whole", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.revision();
    CHECK(bench.error(bench.store().commit(transaction({put("/a", "1"), put("/b", "2", 424242)}))) ==
          ErrorCode::not_found);
    CHECK(bench.list("").empty());
    CHECK(bench.revision() == before);
}

TEMPLATE_LIST_TEST_CASE("A lease that never lasts or lasts for ever is refused", "[store]", StoreBenches) {
    TestType bench;
    for (const Duration time_to_live : {Duration(0), Duration(-1), Duration::max()})
        CHECK(bench.error(bench.store().grant(time_to_live)) == ErrorCode::invalid);
}
