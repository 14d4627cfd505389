#include "store/embedded_store.h"

#include "tests/store/store_fixture.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("What was committed is there after the store is opened again") {
    const TemporaryDirectory directory;
    VirtualClock clock;
    boost::asio::io_context io;
    Revision revision = 0;
    {
        auto store = EmbeddedStore::open(io.get_executor(), clock, directory.path()).value();
        const auto committed = wait(io, store->commit(transaction({put("/a", "1"), put("/b", "2")}))).value();
        CHECK(committed.committed);
        revision = committed.revision;
    }
    auto store = EmbeddedStore::open(io.get_executor(), clock, directory.path()).value();
    CHECK(wait(io, store->revision()).value() == revision);
    const auto entry = wait(io, store->get("/b")).value();
    REQUIRE(entry);
    CHECK(entry->value == "2");
    CHECK(entry->mod_revision == revision);
    CHECK(wait(io, store->list("/")).value().size() == 2);
}
