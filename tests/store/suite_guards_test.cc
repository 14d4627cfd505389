// Shared suite: guarded transactions, and what is refused before it is tried.
#include "tests/store/store_benches.h"

using namespace ballast;
using namespace ballast::test;

namespace {

struct GuardCase {
    std::string what;
    Compare guard;
    bool holds;
};

Compare guard(Compare::Kind kind, std::string key, Revision revision = 0, std::string value = {}) {
    return {kind, std::move(key), revision, std::move(value)};
}

using Kind = Compare::Kind;

/// On a store with /there (created at `created`, last put at `changed`, value "v") and without /gone.
std::vector<GuardCase> guard_table(Revision created, Revision changed) {
    return {
        {"absent, key absent", guard(Kind::absent, "/gone"), true},
        {"absent, key present", guard(Kind::absent, "/there"), false},
        {"present, key present", guard(Kind::present, "/there"), true},
        {"present, key absent", guard(Kind::present, "/gone"), false},
        {"mod revision, the last put", guard(Kind::mod_revision_is, "/there", changed), true},
        {"mod revision, an earlier put", guard(Kind::mod_revision_is, "/there", created), false},
        {"mod revision, key absent", guard(Kind::mod_revision_is, "/gone", changed), false},
        {"mod revision 0, key absent", guard(Kind::mod_revision_is, "/gone", 0), true},
        {"create revision, the first put", guard(Kind::create_revision_is, "/there", created), true},
        {"create revision, a later put", guard(Kind::create_revision_is, "/there", changed), false},
        {"create revision 0, key absent", guard(Kind::create_revision_is, "/gone", 0), true},
        {"create revision 0, key present", guard(Kind::create_revision_is, "/there", 0), false},
        {"value, equal", guard(Kind::value_is, "/there", 0, "v"), true},
        {"value, different", guard(Kind::value_is, "/there", 0, "V"), false},
        {"value, only a prefix", guard(Kind::value_is, "/there", 0, ""), false},
        {"empty value, key absent", guard(Kind::value_is, "/gone", 0, ""), false},
    };
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("Each guard holds when it should and only then", "[store]", StoreBenches) {
    TestType bench;
    const Revision created = bench.change({put("/there", "first")});
    const Revision changed = bench.change({put("/there", "v")});
    Revision revision = changed;
    for (const auto& row : guard_table(created, changed)) {
        INFO(row.what);
        const auto committed = bench.commit({{row.guard}, {put("/mark", row.what)}}).value();
        CHECK(committed.committed == row.holds);
        CHECK(committed.revision == (row.holds ? revision + 1 : revision));
        CHECK((bench.get("/mark") && bench.get("/mark")->value == row.what) == row.holds);
        revision = committed.revision;
    }
}

TEMPLATE_LIST_TEST_CASE("One guard that does not hold stops every change", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.change({put("/a", "1"), put("/b", "2")});
    const auto committed = bench.commit({{guard(Kind::present, "/a"), guard(Kind::absent, "/b")},
                                         {put("/a", "changed"), erase("/b"), put("/c", "new")}});
    CHECK_FALSE(committed.value().committed);
    CHECK(committed.value().revision == before);
    CHECK(bench.keys("") == Lines{"/a", "/b"});
    CHECK(bench.get("/a")->value == "1");
}

TEMPLATE_LIST_TEST_CASE("Guards see the state before the changes of their transaction", "[store]", StoreBenches) {
    TestType bench;
    const auto committed = bench.commit({{guard(Kind::absent, "/lock")}, {put("/lock", "mine")}}).value();
    CHECK(committed.committed);
    CHECK_FALSE(bench.commit({{guard(Kind::absent, "/lock")}, {put("/lock", "theirs")}}).value().committed);
    CHECK(bench.get("/lock")->value == "mine");
}

TEMPLATE_LIST_TEST_CASE("Guards without changes only ask", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.change({put("/a", "1")});
    const auto yes = bench.commit({{guard(Kind::present, "/a")}, {}}).value();
    const auto no = bench.commit({{guard(Kind::absent, "/a")}, {}}).value();
    CHECK(yes.committed);
    CHECK_FALSE(no.committed);
    CHECK(yes.revision == before);
    CHECK(no.revision == before);
}

TEMPLATE_LIST_TEST_CASE("Of two that compete for one key exactly one wins", "[store]", StoreBenches) {
    TestType bench;
    const Transaction mine{{guard(Kind::absent, "/leader")}, {put("/leader", "me")}};
    const Transaction theirs{{guard(Kind::absent, "/leader")}, {put("/leader", "them")}};
    const auto first = start(bench.io(), bench.store().commit(mine));
    const auto second = start(bench.io(), bench.store().commit(theirs));
    REQUIRE(bench.run_until([&] { return first->has_value() && second->has_value(); }));
    CHECK((*first)->value().committed != (*second)->value().committed);
}

TEMPLATE_LIST_TEST_CASE("The largest allowed key, value and transaction are accepted", "[store]", StoreBenches) {
    TestType bench;
    const std::string key(1024, 'k'), value(1024 * 1024, 'v');
    bench.change({put(key, value)});
    CHECK(bench.get(key)->value == value);
    std::vector<Change> changes;
    for (int i = 0; i < 128; ++i) changes.push_back(put("/many/" + std::to_string(i), "x"));
    bench.change(changes);
    CHECK(bench.list("/many/").size() == 128);
}

TEMPLATE_LIST_TEST_CASE("What breaks a limit is refused as invalid and changes nothing", "[store]", StoreBenches) {
    TestType bench;
    const Revision before = bench.revision();
    const std::string long_key(1025, 'k'), long_value(1024 * 1024 + 1, 'v'), half(700 * 1024, 'v');
    const std::vector<Change> too_many(129, erase("/a"));
    const std::vector<Compare> too_many_guards(129, guard(Kind::absent, "/a"));
    const std::vector<Transaction> refused = {
        transaction({put("", "x")}),
        transaction({erase("")}),
        transaction({erase_prefix("")}),
        transaction({put(long_key, "x")}),
        transaction({put("/a", long_value)}),
        transaction({put("/a", half), put("/b", half)}),
        transaction(too_many),
        {too_many_guards, {put("/a", "x")}},
        {{guard(Kind::absent, "")}, {put("/a", "x")}},
        {{guard(Kind::absent, long_key)}, {put("/a", "x")}},
        transaction({put("/a", "x"), put("/a", "y")}),
        transaction({put("/a", "x"), erase("/a")}),
        transaction({erase_prefix("/a"), put("/a/b", "x")}),
    };
    for (std::size_t i = 0; i < refused.size(); ++i) {
        INFO("case " << i);
        CHECK(bench.error(bench.store().commit(refused[i])) == ErrorCode::invalid);
    }
    CHECK(bench.error(bench.store().get("")) == ErrorCode::invalid);
    CHECK(bench.error(bench.store().get(long_key)) == ErrorCode::invalid);
    CHECK(bench.revision() == before);
}
