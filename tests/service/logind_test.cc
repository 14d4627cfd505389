// The talk with logind, whose part a peer at the other end of a socket plays.
#include "service/logind.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <optional>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "tests/sim/show_result.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

constexpr const char* path = "/org/freedesktop/login1";
constexpr const char* manager = "org.freedesktop.login1.Manager";

/// What logind 252 offers of it.
class FakeLogind {
public:
    ~FakeLogind() {
        hang_up();
        for (const int lock : locks) ::close(lock);
    }

    /// Our end of a new connection.
    sd_bus* connect() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        sd_id128_t id{};
        REQUIRE(sd_id128_randomize(&id) >= 0);
        REQUIRE(sd_bus_new(&bus_) >= 0);
        REQUIRE(sd_bus_set_fd(bus_, ends[0], ends[0]) >= 0);
        REQUIRE(sd_bus_set_server(bus_, 1, id) >= 0);
        REQUIRE(sd_bus_set_anonymous(bus_, 1) >= 0);
        REQUIRE(sd_bus_negotiate_fds(bus_, 1) >= 0);
        REQUIRE(sd_bus_add_object_vtable(bus_, nullptr, path, manager, vtable, this) >= 0);
        REQUIRE(sd_bus_start(bus_) >= 0);
        sd_bus* client = nullptr;
        REQUIRE(sd_bus_new(&client) >= 0);
        REQUIRE(sd_bus_set_fd(client, ends[1], ends[1]) >= 0);
        REQUIRE(sd_bus_set_anonymous(client, 1) >= 0);
        REQUIRE(sd_bus_negotiate_fds(client, 1) >= 0);
        REQUIRE(sd_bus_start(client) >= 0);
        return client;
    }
    void hang_up() {
        sd_bus_close_unref(bus_);
        bus_ = nullptr;
    }
    void work() {
        while (bus_ != nullptr && sd_bus_process(bus_, nullptr) > 0) {
        }
    }
    void tell(bool begins) {
        REQUIRE(sd_bus_emit_signal(bus_, path, manager, "PrepareForShutdown", "b", static_cast<int>(begins)) >= 0);
    }
    /// Somebody holds the lock: the pipe's other end is open.
    bool held() const {
        char byte = 0;
        return !locks.empty() && ::read(locks.back(), &byte, 1) < 0 && errno == EAGAIN;
    }

    std::vector<int> locks;          // our ends
    std::vector<std::string> asked;  // "shutdown Ballast WHY delay"
    std::uint64_t longest_us = 5'000'000;
    int preparing = 0;
    bool refuses = false;

private:
    static int inhibit(sd_bus_message* call, void* data, sd_bus_error* error) {
        auto* self = static_cast<FakeLogind*>(data);
        const char *what = nullptr, *who = nullptr, *why = nullptr, *mode = nullptr;
        sd_bus_message_read(call, "ssss", &what, &who, &why, &mode);
        self->asked.push_back(std::string(what) + " " + who + " " + why + " " + mode);
        if (self->refuses) return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Permission denied");
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
        self->locks.push_back(ends[0]);
        const int replied = sd_bus_reply_method_return(call, "h", ends[1]);
        ::close(ends[1]);
        return replied;
    }
    static int longest(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* data,
                       sd_bus_error*) {
        return sd_bus_message_append(reply, "t", static_cast<FakeLogind*>(data)->longest_us);
    }
    static int is_preparing(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* data,
                            sd_bus_error*) {
        return sd_bus_message_append(reply, "b", static_cast<FakeLogind*>(data)->preparing);
    }
    static const sd_bus_vtable vtable[];

    sd_bus* bus_ = nullptr;
};

const sd_bus_vtable FakeLogind::vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Inhibit", "ssss", "h", &FakeLogind::inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("InhibitDelayMaxUSec", "t", &FakeLogind::longest, 0, 0),
    SD_BUS_PROPERTY("PreparingForShutdown", "b", &FakeLogind::is_preparing, 0, 0),
    SD_BUS_SIGNAL("PrepareForShutdown", "b", 0),
    SD_BUS_VTABLE_END};

class Talk {
public:
    Talk() {
        logind.preparing = [this](bool begins) { heard.push_back(begins); };
        logind.lost = [this] { ++lost; };
    }
    void work() {
        fake.work();
        io.restart();
        io.poll();
        fake.work();
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(io, std::move(call), [&](std::exception_ptr bug, Result<T> result) {
            REQUIRE_FALSE(bug);
            answer = std::move(result);
        });
        const auto give_up = std::chrono::steady_clock::now() + 30s;
        while (!answer && std::chrono::steady_clock::now() < give_up) work();
        REQUIRE(answer);
        return *answer;
    }
    template <class Condition>
    bool until(Condition condition) {
        const auto give_up = std::chrono::steady_clock::now() + 30s;
        while (!condition() && std::chrono::steady_clock::now() < give_up) work();
        return condition();
    }

    FakeLogind fake;
    boost::asio::io_context io;
    service::Logind logind{io.get_executor(), [this] { return fake.connect(); }};
    std::vector<bool> heard;
    int lost = 0;
};

}  // namespace

TEST_CASE("A lock is taken once, held, and given back") {
    Talk talk;
    REQUIRE(talk.wait(talk.logind.connect()));
    REQUIRE(talk.wait(talk.logind.delay("VMs leave first")));
    CHECK(talk.fake.asked == std::vector<std::string>{"shutdown Ballast VMs leave first delay"});
    CHECK(talk.fake.held());
    REQUIRE(talk.wait(talk.logind.delay("VMs leave first")));
    CHECK(talk.fake.asked.size() == 1);
    talk.logind.release();
    CHECK(talk.until([&] { return !talk.fake.held(); }));
    REQUIRE(talk.wait(talk.logind.delay("again")));
    CHECK(talk.fake.held());
}

TEST_CASE("What logind says of itself is read") {
    Talk talk;
    REQUIRE(talk.wait(talk.logind.connect()));
    CHECK(talk.wait(talk.logind.longest_delay()).value() == 5s);
    CHECK_FALSE(talk.wait(talk.logind.is_preparing()).value());
    talk.fake.longest_us = 900'000'000;
    talk.fake.preparing = 1;
    CHECK(talk.wait(talk.logind.longest_delay()).value() == 15min);
    CHECK(talk.wait(talk.logind.is_preparing()).value());
}

TEST_CASE("A shutdown is heard of, and that it was called off") {
    Talk talk;
    REQUIRE(talk.wait(talk.logind.connect()));
    talk.fake.tell(true);
    CHECK(talk.until([&] { return talk.heard == std::vector<bool>{true}; }));
    talk.fake.tell(false);
    CHECK(talk.until([&] { return talk.heard == std::vector<bool>{true, false}; }));
}

TEST_CASE("A refusal is told as such") {
    Talk talk;
    talk.fake.refuses = true;
    REQUIRE(talk.wait(talk.logind.connect()));
    const auto delayed = talk.wait(talk.logind.delay("VMs leave first"));
    REQUIRE_FALSE(delayed);
    CHECK(delayed.error().code == ErrorCode::refused);
    CHECK(delayed.error().message == "Permission denied");
}

TEST_CASE("A connection that ends is told, ends what waits on it, and can be made anew") {
    Talk talk;
    REQUIRE(talk.wait(talk.logind.connect()));
    talk.fake.hang_up();
    CHECK(talk.until([&] { return talk.lost == 1; }));
    CHECK(talk.wait(talk.logind.delay("x")).error().code == ErrorCode::unavailable);
    REQUIRE(talk.wait(talk.logind.connect()));
    CHECK(talk.lost == 1);
    talk.fake.tell(true);
    CHECK(talk.until([&] { return talk.heard.size() == 1; }));
}

TEST_CASE("Without a bus there is no logind") {
    boost::asio::io_context io;
    service::Logind nobody(io.get_executor(), [] { return static_cast<sd_bus*>(nullptr); });
    std::optional<Result<void>> answer;
    boost::asio::co_spawn(io, nobody.connect(), [&](std::exception_ptr, Result<void> result) { answer = result; });
    io.run();
    REQUIRE(answer);
    CHECK(answer->error().code == ErrorCode::unavailable);
}
