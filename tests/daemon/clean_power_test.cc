// A host's own system is asked to go down first; its BMC where that is not possible.
#include "daemon/clean_power.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"
#include "tests/support/fake_power.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;

namespace {

class FakeSystems : public SystemControl {
public:
    bool reached = true;
    std::optional<Error> error;
    unsigned asked = 0;

    bool reaches(const HostId&) const override { return reached; }
    Task<void> shut_down(HostId) override {
        ++asked;
        if (error) co_return *error;
        co_return Result<void>();
    }
};

class CleanBench {
public:
    CleanBench() {
        power.add_host("h1");
        wait(clean.hosts());
    }
    /// Its BMC cannot ask a system to go down.
    void without_button() {
        power.hosts_by_id.at({"h1"}).can.soft = false;
        wait(clean.hosts());
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(io, std::move(call),
                              [&](std::exception_ptr, Result<T> result) { answer = std::move(result); });
        clock.run_for(io, std::chrono::minutes{1});
        REQUIRE(answer);
        return *answer;
    }
    Result<void> shut_down() { return wait(clean.shut_down_softly({"h1"})); }
    bool pressed() const { return power.orders == std::vector<std::string>{"soft h1"}; }

    boost::asio::io_context io;
    VirtualClock clock;
    FakePower power{clock};
    FakeSystems systems;
    daemon::CleanPower clean{power, systems};
};

}  // namespace

TEST_CASE("A host whose system can be asked is asked, also where its BMC could not") {
    CleanBench bench;
    SECTION("its BMC could") {}
    SECTION("its BMC could not") {
        bench.without_button();
        CHECK(bench.clean.host({"h1"})->soft);
        CHECK(bench.wait(bench.clean.hosts()).value().front().soft);
    }
    CHECK(bench.shut_down());
    CHECK(bench.systems.asked == 1);
    CHECK(bench.power.orders.empty());
}

TEST_CASE("A system that somebody keeps up is not overruled by the power button") {
    CleanBench bench;
    bench.systems.error = Error{ErrorCode::refused, "h1", "Operation inhibited by \"backup\""};
    CHECK(bench.shut_down().error() == *bench.systems.error);
    CHECK(bench.power.orders.empty());
}

TEST_CASE("A system that cannot be asked leaves it to the BMC") {
    CleanBench bench;
    SECTION("no way to it") {
        bench.systems.reached = false;
    }
    SECTION("it was not asked") {
        bench.systems.error = Error{ErrorCode::unavailable, "h1", "Access denied"};
    }
    SECTION("nobody knows whether it was asked") {
        bench.systems.error = Error{ErrorCode::timed_out, "h1", "no answer"};
    }
    CHECK(bench.shut_down());
    CHECK(bench.pressed());
}

TEST_CASE("Where the BMC cannot either, it is told whether there is anything to wait for") {
    CleanBench bench;
    bench.without_button();
    bench.systems.error = Error{ErrorCode::unavailable, "h1", "Access denied"};
    CHECK(bench.shut_down().error().code == ErrorCode::refused);
    bench.systems.error = Error{ErrorCode::timed_out, "h1", "no answer"};
    CHECK(bench.shut_down().error().code == ErrorCode::timed_out);
    bench.systems.reached = false;
    CHECK_FALSE(bench.clean.host({"h1"})->soft);
    CHECK(bench.power.orders.empty());
}

TEST_CASE("What is not known has no power to be switched cleanly") {
    CleanBench bench;
    CHECK_FALSE(bench.clean.host({"h9"}));
}
