// Shared suite: keys, values, revisions.
#include "tests/store/store_benches.h"

using namespace ballast;
using namespace ballast::test;

TEMPLATE_LIST_TEST_CASE("A key that was never put is absent", "[store]", StoreBenches) {
    TestType bench;
    CHECK_FALSE(bench.get("/nothing"));
    CHECK(bench.list("/").empty());
}

TEMPLATE_LIST_TEST_CASE("A put is read back with the revision of its transaction", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.revision();
    const Revision after = bench.change({put("/a", "one")});
    CHECK(after == before + 1);
    const auto entry = bench.get("/a");
    REQUIRE(entry);
    CHECK(entry->key == "/a");
    CHECK(entry->value == "one");
    CHECK(entry->create_revision == after);
    CHECK(entry->mod_revision == after);
    CHECK(entry->version == 1);
    CHECK(entry->lease == 0);
}

TEMPLATE_LIST_TEST_CASE("A second put keeps the create revision and counts the version", "[store]", StoreBenches) {
    TestType bench;
    const Revision created = bench.change({put("/a", "one")});
    const Revision changed = bench.change({put("/a", "two")});
    const auto entry = bench.get("/a");
    REQUIRE(entry);
    CHECK(entry->value == "two");
    CHECK(entry->create_revision == created);
    CHECK(entry->mod_revision == changed);
    CHECK(entry->version == 2);
}

TEMPLATE_LIST_TEST_CASE("A key that was erased and put again begins anew", "[store]", StoreBenches) {
    TestType bench;
    bench.change({put("/a", "one")});
    bench.change({put("/a", "two")});
    bench.change({erase("/a")});
    CHECK_FALSE(bench.get("/a"));
    const Revision again = bench.change({put("/a", "three")});
    const auto entry = bench.get("/a");
    REQUIRE(entry);
    CHECK(entry->create_revision == again);
    CHECK(entry->version == 1);
}

TEMPLATE_LIST_TEST_CASE("All changes of a transaction share one revision", "[store]", StoreBenches) {
    TestType bench;
    bench.change({put("/old", "x")});
    const Revision before = bench.revision();
    const Revision after = bench.change({put("/a", "1"), put("/b", "2"), erase("/old")});
    CHECK(after == before + 1);
    CHECK(bench.get("/a")->mod_revision == after);
    CHECK(bench.get("/b")->mod_revision == after);
    CHECK_FALSE(bench.get("/old"));
}

TEMPLATE_LIST_TEST_CASE("What changes nothing takes no revision", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.change({put("/a", "1")});
    CHECK(bench.change({erase("/absent"), erase_prefix("/absent/")}) == before);
    CHECK(bench.change({}) == before);
    CHECK(bench.revision() == before);
}

TEMPLATE_LIST_TEST_CASE("A put of the same value is a change", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.change({put("/a", "1")});
    CHECK(bench.change({put("/a", "1")}) == before + 1);
    CHECK(bench.get("/a")->version == 2);
}

TEMPLATE_LIST_TEST_CASE("A list is ordered by the bytes of the keys", "[store]", StoreBenches) {
    TestType bench;
    bench.change({put("/b", ""), put("/a/2", ""), put("/a", ""), put("/a/1", ""), put("/\xc3\xa4", ""), put("/Z", "")});
    CHECK(bench.keys("") == Lines{"/Z", "/a", "/a/1", "/a/2", "/b", "/\xc3\xa4"});
    CHECK(bench.keys("/a/") == Lines{"/a/1", "/a/2"});
    CHECK(bench.keys("/a") == Lines{"/a", "/a/1", "/a/2"});
    CHECK(bench.keys("/c").empty());
}

TEMPLATE_LIST_TEST_CASE("Erasing a prefix takes its keys and no others", "[store]", StoreBenches) {
    TestType bench;
    bench.change({put("/a/1", ""), put("/a/2", ""), put("/a0", ""), put("/a", ""), put("/b", "")});
    const Revision before = bench.revision();
    CHECK(bench.change({erase_prefix("/a/")}) == before + 1);
    CHECK(bench.keys("") == Lines{"/a", "/a0", "/b"});
}

TEMPLATE_LIST_TEST_CASE("Keys and values are bytes, zero and 0xff among them", "[store]", StoreBenches) {
    TestType bench;
    const std::string zero("a\0b", 3), high("\xff\xff", 2), higher("\xff\xff\x01", 3);
    bench.change({put(zero, std::string("\0\xff", 2)), put(high, ""), put(higher, "x")});
    CHECK(bench.get(zero)->value == std::string("\0\xff", 2));
    CHECK(bench.get(high)->value.empty());
    CHECK(bench.keys(high) == Lines{high, higher});
    CHECK(bench.keys("a") == Lines{zero});
    bench.change({erase_prefix(high)});
    CHECK(bench.keys("") == Lines{zero});
}

TEMPLATE_LIST_TEST_CASE("Commits begun one after the other happen in that order", "[store]", StoreBenches) {
    TestType bench;
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> answers;
    const Revision before = bench.revision();
    for (int i = 0; i < 100; ++i)
        answers.push_back(start(bench.io(), bench.store().commit(transaction({put("/last", std::to_string(i))}))));
    REQUIRE(bench.run_until([&] { return answers.back()->has_value(); }));
    for (int i = 0; i < 100; ++i) {
        REQUIRE(answers[i]->has_value());
        CHECK((*answers[i])->value().revision == before + 1 + i);
    }
    CHECK(bench.get("/last")->value == "99");
}

TEMPLATE_LIST_TEST_CASE("A read sees every commit that was answered before it", "[store]", StoreBenches) {
    TestType bench;
    for (int i = 0; i < 20; ++i) {
        bench.change({put("/counter", std::to_string(i))});
        CHECK(bench.get("/counter")->value == std::to_string(i));
    }
}
