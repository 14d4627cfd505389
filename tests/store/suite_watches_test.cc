// Shared suite: watches.
#include "tests/store/store_benches.h"

using namespace ballast;
using namespace ballast::test;

TEMPLATE_LIST_TEST_CASE("A watch hears of every change under its prefix, in order", "[store]", StoreBenches) {
    TestType bench;
    Recorder all, some;
    all.watch(bench.store(), "", bench.revision());
    some.watch(bench.store(), "/b/", bench.revision());
    bench.change({put("/a", "1"), put("/b/x", "2")});
    bench.change({erase("/a"), put("/b/x", "3")});
    bench.change({erase_prefix("/b/")});
    REQUIRE(bench.run_until([&] { return all.events.size() >= 5 && some.events.size() >= 3; }));
    CHECK(all.lines() == Lines{"/a=1", "/b/x=2", "/a erased", "/b/x=3", "/b/x erased"});
    CHECK(some.lines() == Lines{"/b/x=2", "/b/x=3", "/b/x erased"});
}

TEMPLATE_LIST_TEST_CASE("An event carries the revisions of its change", "[store]", StoreBenches) {
    TestType bench;
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    const Revision created = bench.change({put("/a", "1")});
    const Revision changed = bench.change({put("/a", "2")});
    const Revision erased = bench.change({erase("/a")});
    REQUIRE(bench.run_until([&] { return recorder.events.size() >= 3; }));
    CHECK(recorder.events[1].entry.create_revision == created);
    CHECK(recorder.events[1].entry.mod_revision == changed);
    CHECK(recorder.events[1].entry.version == 2);
    CHECK(recorder.events[2].kind == WatchEvent::Kind::erase);
    CHECK(recorder.events[2].entry.mod_revision == erased);
    CHECK(recorder.events[2].entry.value.empty());
}

TEMPLATE_LIST_TEST_CASE("A watch from a past revision is told what happened since", "[store]", StoreBenches) {
    TestType bench;
    bench.change({put("/a", "before")});
    const Revision after = bench.change({put("/a", "known")});
    bench.change({put("/a", "missed")});
    bench.change({put("/b", "missed too")});
    Recorder recorder;
    recorder.watch(bench.store(), "/", after);
    bench.change({put("/a", "live")});
    REQUIRE(bench.run_until([&] { return recorder.events.size() >= 3; }));
    CHECK(recorder.lines() == Lines{"/a=missed", "/b=missed too", "/a=live"});
}

TEMPLATE_LIST_TEST_CASE("A watch from a forgotten revision is told to list again", "[store]", StoreBenches) {
    TestType bench;
    const Revision old = bench.change({put("/a", "1")});
    bench.change({put("/a", "2")});
    bench.forget_history();
    Recorder recorder;
    recorder.watch(bench.store(), "/", old);
    REQUIRE(bench.run_until([&] { return recorder.compacted; }));
    CHECK(recorder.events.empty());
    Recorder fresh;
    fresh.watch(bench.store(), "/", bench.revision());
    bench.change({put("/a", "3")});
    REQUIRE(bench.run_until([&] { return !fresh.events.empty(); }));
    CHECK(fresh.lines() == Lines{"/a=3"});
    CHECK(recorder.events.empty());
}

TEMPLATE_LIST_TEST_CASE("Nothing is told once the handle is destroyed", "[store]", StoreBenches) {
    TestType bench;
    Recorder ended, other;
    ended.watch(bench.store(), "/", bench.revision());
    other.watch(bench.store(), "/", bench.revision());
    bench.change({put("/a", "1")});
    REQUIRE(bench.run_until([&] { return !ended.events.empty() && !other.events.empty(); }));
    bench.change({put("/a", "2")});
    const auto heard = ended.events.size();
    ended.handle.reset();
    bench.change({put("/a", "3")});
    REQUIRE(bench.run_until([&] { return other.lines() == Lines{"/a=1", "/a=2", "/a=3"}; }));
    CHECK(ended.events.size() == heard);
}

TEMPLATE_LIST_TEST_CASE("A watch never hears from inside a call of the store", "[store]", StoreBenches) {
    TestType bench;
    bool inside = false, heard_inside = false, heard = false;
    const auto handle = bench.store().watch(
        "/", bench.revision(),
        [&](const std::vector<WatchEvent>&) {
            heard = true;
            heard_inside = heard_inside || inside;
        },
        [] {});
    bench.change({put("/a", "1")});
    inside = true;
    const auto answer = start(bench.io(), bench.store().commit(transaction({put("/a", "2")})));
    const auto second = bench.store().watch(
        "/", 0, [&](const auto&) { heard_inside = heard_inside || inside; }, [] {});
    inside = false;
    REQUIRE(bench.run_until([&] { return heard && answer->has_value(); }));
    CHECK_FALSE(heard_inside);
}

TEMPLATE_LIST_TEST_CASE("A watcher may use the store and end watches while it is told", "[store]", StoreBenches) {
    TestType bench;
    Recorder victim;
    std::unique_ptr<WatchHandle> self;
    std::shared_ptr<std::optional<Result<Commit>>> answer;
    int calls = 0;
    self = bench.store().watch(
        "/a", bench.revision(),
        [&](const std::vector<WatchEvent>&) {
            ++calls;
            answer = start(bench.io(), bench.store().commit(transaction({put("/a", "again")})));
            victim.handle.reset();
            self.reset();
        },
        [] {});
    victim.watch(bench.store(), "/", bench.revision());
    bench.change({put("/a", "1")});
    REQUIRE(bench.run_until([&] { return answer && answer->has_value(); }));
    CHECK((*answer)->value().committed);
    bench.change({put("/a", "2")});
    CHECK(calls == 1);
    CHECK(victim.lines().size() <= 1);
}

TEMPLATE_LIST_TEST_CASE("A transaction whose guard fails is not heard of", "[store]", StoreBenches) {
    TestType bench;
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    bench.commit({{{Compare::Kind::present, "/absent", 0, ""}}, {put("/a", "no")}}).value();
    bench.change({put("/a", "yes")});
    REQUIRE(bench.run_until([&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/a=yes"});
}
