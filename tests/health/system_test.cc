// systemd's answers, over a bus of our own: what is asked and understood is what its documentation says.
#include <atomic>
#include <csignal>
#include <memory>
#include <spawn.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <thread>
#include <unistd.h>

#include "tests/health/tree.h"

using namespace ballast;
using namespace ballast::health;
using test::is_unread;
using test::problem_of;

namespace {

/// dbus-daemon for as long as this lives, as the system's bus of this process.
class Bus {
public:
    Bus() {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const std::string print = "--print-address=" + std::to_string(ends[1]);
        const char* words[] = {"dbus-daemon", "--session", "--nofork", "--nopidfile", print.c_str(), nullptr};
        REQUIRE(::posix_spawnp(&daemon_, words[0], nullptr, nullptr, const_cast<char**>(words), environ) == 0);
        ::close(ends[1]);
        char text[512] = {};
        REQUIRE(::read(ends[0], text, sizeof text - 1) > 0);
        ::close(ends[0]);
        address = std::string(text).substr(0, std::string(text).find('\n'));
        REQUIRE(::setenv("DBUS_SYSTEM_BUS_ADDRESS", address.c_str(), 1) == 0);
    }
    ~Bus() {
        ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        ::kill(daemon_, SIGTERM);
        ::waitpid(daemon_, nullptr, 0);
    }
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    std::string address;

private:
    pid_t daemon_ = -1;
};

struct Systemd {
    std::vector<std::string> failed;
    bool synchronised = true;
};

int list_units(sd_bus_message* call, void* data, sd_bus_error*) {
    const char* state = nullptr;
    if (sd_bus_message_enter_container(call, 'a', "s") < 0 || sd_bus_message_read(call, "s", &state) <= 0)
        return -EINVAL;
    if (std::string(state) != "failed") return -EINVAL;
    sd_bus_message* answer = nullptr;
    sd_bus_message_new_method_return(call, &answer);
    sd_bus_message_open_container(answer, 'a', "(ssssssouso)");
    for (const std::string& unit : static_cast<Systemd*>(data)->failed)
        sd_bus_message_append(answer, "(ssssssouso)", unit.c_str(), "what it is", "loaded", "failed", "failed", "",
                              "/org/freedesktop/systemd1/unit/x", 0, "", "/");
    sd_bus_message_close_container(answer);
    const int sent = sd_bus_send(nullptr, answer, nullptr);
    sd_bus_message_unref(answer);
    return sent;
}

int synchronised(sd_bus*, const char*, const char*, const char*, sd_bus_message* answer, void* data, sd_bus_error*) {
    return sd_bus_message_append(answer, "b", static_cast<int>(static_cast<Systemd*>(data)->synchronised));
}

const sd_bus_vtable manager[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("ListUnitsFiltered", "as", "a(ssssssouso)", list_units, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};
const sd_bus_vtable timedate[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("NTPSynchronized", "b", synchronised, 0, 0),
    SD_BUS_VTABLE_END,
};

/// Answers in a thread of its own until it goes.
class Answering {
public:
    explicit Answering(Systemd systemd) : systemd_(std::move(systemd)) {
        REQUIRE(sd_bus_open_system(&bus_) >= 0);
        REQUIRE(sd_bus_add_object_vtable(bus_, nullptr, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                         manager, &systemd_) >= 0);
        REQUIRE(sd_bus_add_object_vtable(bus_, nullptr, "/org/freedesktop/timedate1", "org.freedesktop.timedate1",
                                         timedate, &systemd_) >= 0);
        for (const char* name : {"org.freedesktop.systemd1", "org.freedesktop.timedate1"})
            REQUIRE(sd_bus_request_name(bus_, name, 0) >= 0);
        thread_ = std::thread([this] {
            while (!over_)
                if (sd_bus_process(bus_, nullptr) == 0) sd_bus_wait(bus_, 10'000);
        });
    }
    ~Answering() {
        over_ = true;
        thread_.join();
        sd_bus_flush_close_unref(bus_);
    }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

private:
    Systemd systemd_;
    sd_bus* bus_ = nullptr;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

Report seen() {
    Report report;
    look_at_system(Machine(), report);
    return report;
}

}  // namespace

TEST_CASE("Failed units and a clock that nobody keeps are asked of systemd") {
    const Bus bus;
    {
        const Answering well({{}, true});
        const Report report = seen();
        CHECK(report.problems.empty());
        CHECK(report.unread.empty());
    }
    const Answering unwell({{"a.service", "b.mount"}, false});
    const Report report = seen();
    CHECK(report.unread.empty());
    REQUIRE(problem_of(report, HealthSource::units) != nullptr);
    CHECK(problem_of(report, HealthSource::units)->text == "failed units: a.service, b.mount");
    CHECK(problem_of(report, HealthSource::clock) != nullptr);
}

TEST_CASE("A systemd that does not answer is told as unread") {
    {
        const Bus bus;  // nobody has its names
        const Report report = seen();
        CHECK(is_unread(report, HealthSource::units));
        CHECK(is_unread(report, HealthSource::clock));
        CHECK(report.problems.empty());
    }
    REQUIRE(::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1) == 0);
    CHECK(is_unread(seen(), HealthSource::units));
    ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}
