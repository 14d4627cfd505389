#include "daemon/store_watch.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/support/virtual_clock.h"

using namespace ballast;

TEST_CASE("a large database of etcd is warned of once, and again when it has been small meanwhile") {
    boost::asio::io_context io;
    test::VirtualClock clock;
    std::vector<std::string> warnings;
    Result<StoreSize> size = StoreSize{mib(100), mib(50)};
    daemon::StoreWatch watch(
        io.get_executor(), clock, [&]() -> Store::Task<StoreSize> { co_return size; },
        [&](const std::string& text) { warnings.push_back(text); });
    CHECK_FALSE(watch.size().has_value());
    watch.start();
    const auto pass = [&] { clock.run_for(io, std::chrono::minutes{2}); };
    pass();
    CHECK(warnings.empty());
    CHECK(watch.size() == mib(100));
    size = StoreSize{mib(1536), mib(1000)};
    pass();
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].starts_with("etcd's database has 1.5 GiB, 1000 MiB of them in use"));
    size = Error{ErrorCode::unavailable, "etcd", "no answer"};
    pass();
    CHECK_FALSE(watch.size().has_value());
    size = StoreSize{mib(1700), mib(1000)};
    pass();
    CHECK(warnings.size() == 1);
    size = StoreSize{mib(20), mib(10)};
    pass();
    size = StoreSize{mib(1700), mib(1000)};
    pass();
    CHECK(warnings.size() == 2);
}
