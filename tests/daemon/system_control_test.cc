// Hosts' systems are asked to go down by ssh, and what they say is understood.
#include "daemon/system_control.h"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/sim/show_result.h"

using namespace ballast;

namespace {

service::Ended ended(const std::string& output, const std::string& complaint, int exit_code) {
    service::Ended ended;
    ended.in_time = true;
    ended.exit_code = exit_code;
    ended.output = output;
    ended.complaint = complaint;
    return ended;
}

/// h1 by ssh, h2 not.
class Systems {
public:
    Systems() {
        for (const auto& [name, uri] : {std::pair{"h1", "qemu+ssh://root@h1.example.org/system"},
                                        std::pair{"h2", "qemu+tls://h2.example.org/system"}}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = uri;
            hosts_.push_back(host);
        }
        control.emplace(hosts_, [this](service::Command command) {
            asked = std::move(command);
            return answered();
        });
    }
    Result<void> shut_down(const char* host) {
        boost::asio::io_context io;
        std::optional<Result<void>> result;
        boost::asio::co_spawn(io, control->shut_down({host}),
                              [&](std::exception_ptr, Result<void> ended) { result = std::move(ended); });
        io.run();
        return result.value();
    }

    Result<service::Ended> answer = ended("", "", 0);
    service::Command asked;
    std::optional<daemon::SshSystemControl> control;

private:
    boost::asio::awaitable<Result<service::Ended>> answered() { co_return answer; }
    std::vector<config::HostOptions> hosts_;
};

}  // namespace

TEST_CASE("A host that libvirt reaches by ssh is asked by the same ssh, and inhibitors are heeded") {
    Systems systems;
    CHECK(systems.control->reaches({"h1"}));
    CHECK_FALSE(systems.control->reaches({"h2"}));
    CHECK_FALSE(systems.control->reaches({"h3"}));
    CHECK(systems.shut_down("h1"));
    CHECK(systems.asked.program == "ssh");
    const auto& arguments = systems.asked.arguments;
    CHECK(std::find(arguments.begin(), arguments.end(), "h1.example.org") != arguments.end());
    CHECK(systems.asked.input.find("systemctl --check-inhibitors=yes") != std::string::npos);
    CHECK(systems.shut_down("h2").error().code == ErrorCode::unavailable);
}

TEST_CASE("Who inhibits it is told, and is a refusal; anything else may be tried another way") {
    Systems systems;
    systems.answer = ended(
        "Operation inhibited by \"backup\" (PID 123 \"rsync\", user root), reason is \"nightly\".\n"
        "Please retry operation after closing inhibitors and logging out other users.\n",
        "", 1);
    const auto refused = systems.shut_down("h1");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::refused);
    CHECK(refused.error().message ==
          "Operation inhibited by \"backup\" (PID 123 \"rsync\", user root), reason is \"nightly\".");
    systems.answer = ended("Call to PowerOff failed: Access denied\n", "", 1);
    CHECK(systems.shut_down("h1").error().code == ErrorCode::unavailable);
    systems.answer = ended("", "Warning: added a key\nssh: connect to host h1: No route to host\n", 255);
    const auto lost = systems.shut_down("h1");
    CHECK(lost.error().code == ErrorCode::timed_out);  // maybe after the order
    CHECK(lost.error().message == "ssh: connect to host h1: No route to host");
    systems.answer = service::Ended{};  // killed at its deadline
    CHECK(systems.shut_down("h1").error().code == ErrorCode::timed_out);
    systems.answer = Error{ErrorCode::unavailable, "ssh", "cannot be started"};
    CHECK(systems.shut_down("h1").error().code == ErrorCode::unavailable);
}
