#include "service/user_names.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

using namespace ballast;
using namespace std::chrono_literals;

namespace {

std::string ask(boost::asio::io_context& io, service::UserNames& names, uid_t uid) {
    std::string name;
    bool done = false;
    boost::asio::co_spawn(io, names.of(uid), [&](std::exception_ptr, std::string told) {
        name = told;
        done = true;
    });
    io.restart();
    while (!done) io.run_one();
    return name;
}

}  // namespace

TEST_CASE("A user's name is looked up once, in another thread") {
    boost::asio::io_context io;
    std::atomic<int> looks = 0;
    std::atomic<bool> elsewhere = true;
    service::UserNames names(io.get_executor(), [&, here = std::this_thread::get_id()](uid_t uid) {
        ++looks;
        if (std::this_thread::get_id() == here) elsewhere = false;
        return "user" + std::to_string(uid);
    });
    CHECK(ask(io, names, 7) == "user7");
    CHECK(ask(io, names, 7) == "user7");
    CHECK(looks == 1);
    CHECK(elsewhere);
    CHECK(ask(io, names, 8) == "user8");
}

TEST_CASE("Nobody waits for a user database that does not answer") {
    boost::asio::io_context io;
    std::promise<void> gate;
    std::atomic<int> looks = 0;
    service::UserNames names(io.get_executor(), [&, open = gate.get_future().share()](uid_t) {
        ++looks;
        open.wait();
        return std::string("late");
    });
    CHECK(ask(io, names, 7) == "?");
    CHECK(ask(io, names, 7) == "?");
    CHECK(looks == 1);
    gate.set_value();
    io.restart();
    io.run_one();
    CHECK(ask(io, names, 7) == "late");
}
