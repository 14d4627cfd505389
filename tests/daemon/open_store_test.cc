#include "daemon/open_store.h"

#include "service/real_clock.h"
#include "tests/store/store_fixture.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

struct Opening {
    TemporaryDirectory directory;
    config::DaemonOptions options;
    RealClock clock;
    boost::asio::io_context io;

    Opening() { options.state_dir = directory / "state"; }
    Result<std::unique_ptr<Store>> open() { return wait(io, daemon::open_store(io.get_executor(), clock, options)); }
    bool has(const std::string& file) const { return std::filesystem::exists(options.state_dir + "/" + file); }
};

}  // namespace

TEST_CASE("Without a word about it the store is the embedded one") {
    Opening opening;
    const auto store = opening.open();
    REQUIRE(store.has_value());
    CHECK(wait(opening.io, (*store)->commit(transaction({put("/a", "1")}))).value().committed);
    CHECK(opening.has("store.db"));
}

TEST_CASE("An etcd that is configured but does not answer is an error, not an embedded store") {
    Opening opening;
    opening.options.store.kind = "etcd";
    opening.options.store.endpoints = {"http://127.0.0.1:1"};
    opening.options.store.call_timeout = seconds(1);
    const auto store = opening.open();
    REQUIRE(store.has_error());
    CHECK(store.error().code == ErrorCode::unavailable);
    CHECK_THAT(store.error().message, Catch::Contains("http://127.0.0.1:1: "));
    CHECK_FALSE(opening.has("store.db"));
}
