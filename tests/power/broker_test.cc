#include "power/broker.h"

#include <set>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "power/ipmi.h"
#include "power/wake.h"
#include "tests/power/lab.h"

using namespace ballast;
using namespace ballast::power;
using test::Lab;
using test::milliseconds;
using test::seconds;

namespace {

const HostId host1{"host1"};

Ended ended_with(std::optional<int> code, std::string output) {
    return {true, code, std::move(output), "complaint"};
}

/// Everything logged meanwhile.
class LogCapture {
public:
    LogCapture() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(
            std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
        spdlog::set_level(spdlog::level::trace);
    }
    ~LogCapture() { spdlog::set_default_logger(before_); }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

}  // namespace

TEST_CASE("only its own words with its own exit code are a status") {
    const Level level = Lab::level("fence_fake");
    for (int code = 0; code < 256; ++code) {
        for (const std::string output :
             {"Status: OFF\n", "Status: ON\n", "", "OFF\n", "Success: Already OFF\n", "garbage"}) {
            const auto power = power_from(ended_with(code, output), level);
            INFO("exit code " << code << ", output " << output);
            if (code == 2 && output == "Status: OFF\n")
                CHECK(*power == Power::off);
            else if (code == 0 && output == "Status: ON\n")
                CHECK(*power == Power::on);
            else
                CHECK(power.error().code == ErrorCode::unavailable);
        }
    }
    CHECK_FALSE(power_from(ended_with(std::nullopt, "Status: OFF\n"), level));
    Ended killed = ended_with(2, "Status: OFF\n");
    killed.in_time = false;
    CHECK(power_from(killed, level).error().code == ErrorCode::timed_out);
}

TEST_CASE("a host is off when a status said so twice after the order") {
    Lab lab;
    lab.agent("fence_fake");
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_fake")}));
    CHECK(*lab.run(broker.status(host1)) == Power::on);
    CHECK(lab.run(broker.switch_off(host1)));
    CHECK(lab.calls() == "status off status status");
    CHECK(*lab.run(broker.status(host1)) == Power::off);
    CHECK(lab.run(broker.switch_on(host1)));
    CHECK(lab.text("power") == "on\n");
}

TEST_CASE("whatever the order's exit code is, the status decides") {
    const int code = GENERATE(0, 1, 2, 3, 8, 126, 127, 143, 255);
    const std::string end = "[ $action = off ] && exit " + std::to_string(code);
    INFO("exit code " << code);
    Lab lab;
    lab.agent("fence_fake", end);
    // An order that was accepted is hoped for until the time is over; the others end with the first status.
    const auto time = seconds{code == 0 ? 15 : 60};
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_fake", time)}));
    const auto done = lab.run(broker.switch_off(host1));
    REQUIRE_FALSE(done);  // it is on still
    CHECK(done.error().code == (code == 0 ? ErrorCode::timed_out : ErrorCode::unavailable));
    CHECK_THAT(done.error().message, Catch::Contains("status says on"));
    lab.set("off");  // as a BMC that says no to a host that is off already
    CHECK(lab.run(broker.switch_off(host1)));
}

TEST_CASE("a status that is unknown is never a success") {
    const std::string status = GENERATE("exit 2", "exit 0", "echo 'Status: OFF'; exit 0", "echo 'Status: OFF'; exit 1",
                                        "echo 'Status: OFFLINE'; exit 2", "kill -9 $$", "exit 127");
    INFO(status);
    Lab lab;
    lab.agent("fence_fake", "[ $action = status ] && { " + status + "; }");
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_fake", seconds{2})}));
    CHECK_FALSE(lab.run(broker.switch_off(host1)));
    CHECK_FALSE(lab.run(broker.switch_on(host1)));
    CHECK_FALSE(lab.run(broker.status(host1)));
}

TEST_CASE("a status that flaps is no proof, one that settles is") {
    const std::string count = "n=$(($(cat $lab/n 2>/dev/null || echo 0) + 1)); ";
    Lab lab;
    lab.agent("fence_flapping",
              "[ $action = status ] && { " + count + "echo $n >$lab/n; [ $((n % 2)) = 1 ] && say off; say on; }");
    lab.agent("fence_settling",
              "[ $action = status ] && { " + count + "echo $n >$lab/n; [ $n = 2 ] && say on; say off; }");
    Broker flapping(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_flapping", seconds{3})}));
    CHECK(lab.run(flapping.switch_off(host1)).error().code == ErrorCode::timed_out);
    lab.write("n", "0");
    Broker settling(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_settling")}));
    CHECK(lab.run(settling.switch_off(host1)));
    CHECK(lab.text("n") == "4\n");
}

TEST_CASE("an agent that hangs is killed and the next level is tried") {
    Lab lab;
    lab.agent("fence_hanging", "echo $$ >>$lab/hanging; sleep 1000");
    lab.agent("fence_fake");
    const Level hanging = Lab::level("fence_hanging", milliseconds{500});
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({hanging, Lab::level("fence_fake")}));
    CHECK(lab.run(broker.switch_off(host1)));
    CHECK(*lab.run(broker.status(host1)) == Power::off);
    std::istringstream pids(lab.text("hanging"));
    std::size_t killed = 0;
    for (std::string pid; pids >> pid; ++killed) CHECK(test::is_dead(pid));
    CHECK(killed == 2);
    Broker alone(lab.clock, lab.children, lab.tools, Lab::file_of({hanging}));
    CHECK(lab.run(alone.switch_off(host1)).error().code == ErrorCode::timed_out);
}

TEST_CASE("nothing but off is ever ordered to switch a host off") {
    Lab lab;
    lab.agent("fence_stubborn", "[ $action = status ] && say on; exit 1");
    lab.agent("fence_fake");
    Broker broker(lab.clock, lab.children, lab.tools,
                  Lab::file_of({Lab::level("fence_stubborn"), Lab::level("fence_fake")}));
    CHECK(lab.run(broker.switch_off(host1)));
    CHECK(lab.calls() == "off status off status status");
}

TEST_CASE("a value cannot bring in a line of its own") {
    const auto value =
        GENERATE(as<std::string>{}, "1\naction=on", "1\raction=on", std::string("1\0action=on", 11), "\x7f");
    Lab lab;
    lab.agent("fence_fake");
    Level in_value = Lab::level("fence_fake"), in_name = in_value, in_secret = in_value;
    in_value.parameters["plug"] = {value, {}};
    in_name.parameters["plug=1\naction"] = {"on", {}};
    in_secret.secrets["password"].value = value;
    for (const Level& level : {in_value, in_name, in_secret}) {
        CHECK(agent_input(level, Action::off).error().code == ErrorCode::invalid);
        Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({level}));
        CHECK_FALSE(lab.run(broker.switch_off(host1)));
    }
    CHECK(lab.calls().empty());
}

TEST_CASE("values reach the agent as they are") {
    Level level = Lab::level("fence_fake");
    level.parameters["plug"] = {"1", {}};
    level.parameters["comment"] = {"it's $HOME; `x` = 5", {}};
    level.secrets["password"].value = " \"quoted\" ";
    CHECK(*agent_input(level, Action::status) ==
          "action=status\ncomment=it's $HOME; `x` = 5\nplug=1\npassword=\" \"quoted\" \"\n");
}

TEST_CASE("a secret is in the agent's input, and not in its arguments, its environment, errors or the log") {
    Lab lab;
    lab.agent("fence_fake",
              "tr '\\0' ' ' </proc/$$/cmdline >$lab/seen; tr '\\0' ' ' </proc/$$/environ >>$lab/seen\n"
              "printf '%s\\n' \"$input\" >$lab/input; printf '%s\\n' \"$input\" >&2; echo \"login $input failed\" >&2; "
              "exit 1");
    Level level = Lab::level("fence_fake");
    level.parameters["username"] = {"admin", {}};
    level.secrets["password"].value = "correct-horse";
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({level}));
    LogCapture log;
    const auto off = lab.run(broker.switch_off(host1));
    const auto status = lab.run(broker.status(host1));
    CHECK_THAT(lab.text("input"), Catch::Contains("password=correct-horse"));
    CHECK_THAT(lab.text("seen"), Catch::Contains("fence_fake") && !Catch::Contains("correct-horse"));
    CHECK_THAT(off.error().message, Catch::Contains("[password]") && !Catch::Contains("correct-horse"));
    CHECK_THAT(status.error().message, !Catch::Contains("correct-horse"));
    CHECK_THAT(log.text(), Catch::Contains("host1: off by level 1 (fence_fake)") && !Catch::Contains("correct-horse"));
}

TEST_CASE("what an agent complains of is cut to one clean line") {
    const Level level = Lab::level("fence_fake");
    Ended ended = ended_with(1, "");
    ended.complaint =
        "first\n2026-11-26 13:52:24,686 ERROR: Failed: no\taddress\n\n2026-11-26 13:52:24,686 ERROR: Please use '-h' "
        "for usage\n\n";
    CHECK(complaint_of(ended, level) == "Failed: no?address");
    ended.complaint = std::string(500, 'x');
    CHECK(complaint_of(ended, level) == std::string(200, 'x') + "...");
    ended.complaint = "";
    CHECK(complaint_of(ended, level) == "exit code 1");
}

TEST_CASE("changes of one host come one after the other and their number is bounded") {
    Lab lab;
    lab.agent("fence_fake",
              "[ $action = status ] || { mkdir $lab/busy || echo overlap >>$lab/calls; sleep 0.2; rmdir $lab/busy; }");
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_fake")}));
    std::array<std::optional<Result<void>>, 6> done;
    for (auto& result : done) lab.start(broker.switch_off(host1), result);
    std::optional<Result<Power>> status;
    lab.start(broker.status(host1), status);  // does not wait for them
    lab.run_until([&] { return status.has_value(); });
    CHECK(*status);
    CHECK(done.back()->error().code == ErrorCode::refused);
    for (std::size_t i = 0; i + 1 < done.size(); ++i) CHECK_FALSE(done[i]);
    lab.run_until([&] { return done[4].has_value(); });
    for (std::size_t i = 0; i + 1 < done.size(); ++i) CHECK(*done[i]);
    CHECK(lab.count("off") == 5);
    CHECK(lab.count("overlap") == 0);
}

TEST_CASE("what waited while the file was replaced goes by the new one") {
    Lab lab;
    lab.agent("fence_old", "[ $action = off ] && sleep 0.3");
    lab.agent("fence_new", "[ $action = off ] && touch $lab/new");
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({Lab::level("fence_old")}));
    std::optional<Result<void>> first, second;
    lab.start(broker.switch_off(host1), first);
    lab.start(broker.switch_off(host1), second);
    lab.io.poll();
    broker.replace(Lab::file_of({Lab::level("fence_new")}));
    lab.run_until([&] { return first && second; });
    CHECK(*first);
    CHECK(*second);
    CHECK(std::filesystem::exists(lab.path("new")));
}

TEST_CASE("a host nobody knows, or that has nothing to switch it, is said so") {
    Lab lab;
    PowerFile file;
    file.hosts.push_back({host1, {}, WakeOnLan{"52:54:00:12:34:56", "127.0.0.1"}, "none", {}});
    Broker broker(lab.clock, lab.children, lab.tools, file);
    CHECK(lab.run(broker.switch_off({"host2"})).error().code == ErrorCode::not_found);
    CHECK(lab.run(broker.status({"host2"})).error().code == ErrorCode::not_found);
    CHECK(lab.run(broker.switch_off(host1)).error().code == ErrorCode::invalid);
    CHECK(lab.run(broker.status(host1)).error().code == ErrorCode::invalid);
    CHECK(lab.run(broker.shut_down_softly(host1)).error().code == ErrorCode::invalid);
    CHECK_FALSE(*lab.run(broker.watts(host1)));
    CHECK(lab.run(broker.switch_on(host1)));  // the packets were sent: nobody can say more
    CHECK(broker.host(host1) == PowerHost{host1, false, false, true, false, seconds{20}});
}

TEST_CASE("a magic packet is six bytes of ones and sixteen times the address") {
    Lab lab;
    using boost::asio::ip::udp;
    udp::socket listener(lab.io, udp::endpoint(boost::asio::ip::make_address_v4("127.0.0.1"), 0));
    REQUIRE(send_magic_packets({"52:54:00:aB:34:56", "127.0.0.1"}, listener.local_endpoint().port()));
    std::string packet(200, '\0');
    packet.resize(listener.receive(boost::asio::buffer(packet)));
    std::string expected(6, '\xff');
    for (int i = 0; i < 16; ++i) expected += std::string("\x52\x54\x00\xab\x34\x56", 6);
    CHECK(packet == expected);
}

TEST_CASE("Wake-on-LAN comes after all levels, and counts when a status says on") {
    Lab lab;
    lab.set("off");
    lab.agent("fence_fake",
              "[ $action = on ] && { touch $lab/ordered; exit 1; }\n"
              "[ -e $lab/ordered ] && [ $action = status ] && [ \"$(wc -l <$lab/calls)\" -gt 2 ] && say on");
    PowerFile file = Lab::file_of({Lab::level("fence_fake")});
    file.hosts[0].wake_on_lan = WakeOnLan{"52:54:00:12:34:56", "127.0.0.1"};
    Broker broker(lab.clock, lab.children, lab.tools, file);
    CHECK(lab.run(broker.switch_on(host1)));
    CHECK(lab.calls() == "on status status status");
}
