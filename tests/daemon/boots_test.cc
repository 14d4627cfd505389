#include "daemon/boots.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"
#include "tests/support/memory_store.h"

using namespace ballast;
using namespace ballast::test;

namespace {

constexpr std::uint64_t minute = 60'000'000'000;
const HostId host{"host1"};

// A tenth of it busy.
collectors::CpuCounted counted(std::uint64_t total) {
    return {total / 10, total};
}

Result<void> done(boost::asio::awaitable<Result<void>> call) {
    boost::asio::io_context io;
    std::optional<Result<void>> answer;
    boost::asio::co_spawn(io, std::move(call), [&](std::exception_ptr, Result<void> result) { answer = result; });
    io.run();
    REQUIRE(answer);
    return *answer;
}

}  // namespace

TEST_CASE("A host that has counted less than before was booted") {
    MemoryStore store;
    daemon::Boots boots(store);
    REQUIRE(done(boots.load()));
    CHECK_FALSE(boots.is_booted(host, counted(10 * minute)));
    CHECK_FALSE(boots.is_booted(host, counted(11 * minute)));
    CHECK(boots.is_booted(host, counted(2 * minute)));
    CHECK_FALSE(boots.is_booted(host, counted(3 * minute)));
    CHECK_FALSE(boots.is_booted({"host2"}, counted(minute)));
    CHECK(boots.is_booted({"host2"}, {0, 2 * minute}));  // a container, whose idle time is its machine's
}

TEST_CASE("A later daemon knows what a host had counted, and little is written for that") {
    MemoryStore store;
    {
        daemon::Boots boots(store);
        unsigned writes = 0;
        Revision last = 0;
        for (std::uint64_t total = minute; total <= 24 * 60 * minute; total += minute) {
            boots.is_booted(host, counted(total));
            REQUIRE(done(boots.keep()));
            const Revision now = store.entries.at("/ballast/boots/host1").mod_revision;
            writes += now != last ? 1 : 0;
            last = now;
        }
        CHECK(writes < 35);
    }
    daemon::Boots boots(store);
    REQUIRE(done(boots.load()));
    SECTION("booted") {
        CHECK(boots.is_booted(host, counted(60 * minute)));
        REQUIRE(done(boots.keep()));
        daemon::Boots again(store);
        REQUIRE(done(again.load()));
        CHECK_FALSE(again.is_booted(host, counted(61 * minute)));
    }
    SECTION("not booted") {
        CHECK_FALSE(boots.is_booted(host, counted(24 * 60 * minute)));
    }
}

TEST_CASE("A host whose system calls its boot otherwise was booted, whatever it has counted") {
    const std::string first = "0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11", second = "ffffffff-6f9b-4d52-8a57-0c8f3c8a9d11";
    MemoryStore store;
    {
        daemon::Boots boots(store);
        boots.is_booted(host, counted(minute));
        CHECK_FALSE(boots.awaits_boot_id(host));
        CHECK_FALSE(boots.is_other_boot(host, first));
        CHECK_FALSE(boots.is_other_boot(host, first));
        REQUIRE(done(boots.keep()));
    }
    daemon::Boots boots(store);
    REQUIRE(done(boots.load()));
    CHECK(boots.awaits_boot_id(host));
    SECTION("booted while no daemon ran, long ago") {
        CHECK_FALSE(boots.is_booted(host, counted(60 * minute)));
        CHECK(boots.is_other_boot(host, second));
        CHECK_FALSE(boots.awaits_boot_id(host));
        CHECK_FALSE(boots.is_other_boot(host, second));
        REQUIRE(done(boots.keep()));
        daemon::Boots again(store);
        REQUIRE(done(again.load()));
        CHECK_FALSE(again.is_other_boot(host, second));
    }
    SECTION("what it has counted told of the same boot already") {
        CHECK(boots.is_booted(host, counted(minute / 2)));
        CHECK_FALSE(boots.is_other_boot(host, second));
        CHECK(boots.is_other_boot(host, first));  // and this is yet another one
    }
    SECTION("it fell silent before its boot id was told, which may be of a later boot") {
        CHECK(boots.is_booted(host, counted(minute / 2)));
        boots.fell_silent(host);
        CHECK_FALSE(boots.is_booted(host, counted(minute)));
        CHECK(boots.is_other_boot(host, second));
    }
    SECTION("not booted") {
        CHECK_FALSE(boots.is_other_boot(host, first));
        CHECK_FALSE(boots.awaits_boot_id(host));
    }
    SECTION("nonsense tells nothing") {
        for (const char* text :
             {"", "x", "0A4E5F1C-6F9B-4D52-8A57-0C8F3C8A9D11", "0a4e5f1c 6f9b 4d52 8a57 0c8f3c8a9d11"})
            CHECK_FALSE(boots.is_other_boot(host, text));
        CHECK(boots.awaits_boot_id(host));
    }
}

TEST_CASE("A boot that is not settled is noticed by the next daemon as well") {
    MemoryStore store;
    {
        daemon::Boots boots(store);
        boots.is_booted(host, counted(60 * minute));
        REQUIRE(done(boots.keep()));
        CHECK(boots.is_booted(host, counted(minute)));
        REQUIRE(done(boots.keep({host})));
        CHECK_FALSE(boots.is_booted(host, counted(2 * minute)));
    }
    daemon::Boots next(store);
    REQUIRE(done(next.load()));
    CHECK(next.is_booted(host, counted(3 * minute)));
    REQUIRE(done(next.keep()));
    daemon::Boots last(store);
    REQUIRE(done(last.load()));
    CHECK_FALSE(last.is_booted(host, counted(4 * minute)));
}

TEST_CASE("A record of a boot that is no pair of numbers is named") {
    MemoryStore store;
    const std::string value = GENERATE("", "12", "12 ", "12 x", "12 3x", "x 3", "-1 3", "99999999999999999999 1",
                                       "1 2 3", "1 2 ", "1 2x0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11");
    store.entries["/ballast/boots/host1"] = {"/ballast/boots/host1", value, 1, 1, 1, 0};
    daemon::Boots boots(store);
    const auto loaded = done(boots.load());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == ErrorCode::corrupt);
    CHECK(loaded.error().subject == "/ballast/boots/host1");
}
