#include "cli/follow.h"

#include "tests/cli/samples.h"

using namespace ballast::cli;

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// ExplainHost of a host in maintenance with this many VMs left.
value evacuating(int vms, array operations, array leaves, array stays) {
    value explained = sample("explain_host");
    object& host = explained.as_object()["host"].as_object();
    host["maintenance"] = true;
    host["vms"] = vms;
    explained.as_object()["operations"] = std::move(operations);
    explained.as_object()["leaves"] = std::move(leaves);
    explained.as_object()["stays"] = std::move(stays);
    return explained;
}

array running() {
    return {list(sample("history"), "active")[0]};
}
array waiting() {
    return {list(sample("history"), "active")[1]};
}
array moves() {
    return list(at(sample("plan"), "plan"), "moves");
}
array immovable() {
    return list(at(sample("plan"), "plan"), "immovable");
}
array advisory() {
    return {list(at(sample("plan"), "plan"), "rejections")[2]};
}

value against(const std::string& reason, const value& target, bool advisory) {
    value rejection = immovable()[0];
    object& fields = rejection.as_object();
    fields["reason"] = reason;
    fields["target"] = target;
    fields["advisory"] = advisory;
    return rejection;
}

value acting(const std::string& mode, bool paused = false) {
    return object{{"mode", mode}, {"paused", paused}};
}

void set_up(Run& run, const std::vector<value>& looks, const value& status) {
    run.api.answers["POST /v1/maintenance/host1"] = {{200, object{{"host", "host1"}, {"maintenance", true}}}};
    run.api.answers["GET /v1/status"] = {{200, status}};
    for (const value& look : looks) run.api.answers["GET /v1/explain/host/host1"].push_back({200, look});
}

value operation(const std::string& state, bool final) {
    value one = running()[0];
    one.as_object()["state"] = state;
    one.as_object()["final"] = final;
    return one;
}
}  // namespace

TEST_CASE("An evacuation is judged by what is left and what could still move it") {
    const value automatic = acting("automatic");
    CHECK(judge(evacuating(0, {}, {}, {}), automatic) == Evacuation::emptied);
    CHECK(judge(evacuating(0, running(), {}, {}), automatic) == Evacuation::going_on);
    CHECK(judge(evacuating(2, running(), {}, immovable()), automatic) == Evacuation::going_on);
    CHECK(judge(evacuating(2, {}, moves(), immovable()), automatic) == Evacuation::going_on);
    CHECK(judge(evacuating(1, {}, {}, immovable()), automatic) == Evacuation::stuck);
    CHECK(judge(evacuating(1, {}, {}, advisory()), automatic) == Evacuation::going_on);
    CHECK(judge(evacuating(1, waiting(), {}, {}), acting("confirm")) == Evacuation::needs_approval);
    CHECK(judge(evacuating(1, {}, moves(), {}), acting("observe")) == Evacuation::held);
    CHECK(judge(evacuating(1, {}, moves(), {}), acting("automatic", true)) == Evacuation::held);
    CHECK(judge(sample("explain_host"), automatic) == Evacuation::called_off);
}

TEST_CASE("A VM is stuck when every host is out of the question for good, whatever else is against it there") {
    const auto judged = [](array stays) { return judge(evacuating(1, {}, {}, std::move(stays)), acting("automatic")); };
    const value no_target = against("no_target", nullptr, false);
    const value storage = against("storage", "host3", false), slots = against("limit_incoming", "host3", true);
    const value maintenance = against("host_maintenance", "host2", false), site = against("site", "host2", true);
    CHECK(judged({no_target, maintenance, site, storage}) == Evacuation::stuck);
    CHECK(judged({no_target, maintenance, site, storage, slots}) == Evacuation::stuck);
    CHECK(judged({no_target, maintenance, site, slots}) == Evacuation::going_on);
    CHECK(judged({no_target, site}) == Evacuation::going_on);
    CHECK(judged({no_target}) == Evacuation::stuck);
    CHECK(judged({against("cooldown", nullptr, true)}) == Evacuation::going_on);
    CHECK(judged({against("cooldown", nullptr, true), against("host_device", nullptr, false)}) == Evacuation::stuck);
    CHECK(judged({against("cooldown", nullptr, true), storage}) == Evacuation::stuck);
}

TEST_CASE("What cannot leave for now is named once while it is waited for") {
    Run ballastctl;
    const value full = evacuating(1, {}, {}, {against("cpu", "host2", true)});
    set_up(ballastctl, {full, full, full, full, full, full, evacuating(0, {}, {}, {})}, acting("automatic"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
    const std::string said = ballastctl.err.str(), named = ballastctl.out.str();
    CHECK(has(said, "What is left on host1 cannot leave for now, and is waited for:"));
    CHECK(said.find("for now") == said.rfind("for now"));
    CHECK(has(named, "db1"));
}

TEST_CASE("Waiting for maintenance ends with 0 when the host is empty, and shows how far it is") {
    Run ballastctl;
    set_up(ballastctl, {evacuating(2, running(), {}, {}), evacuating(1, running(), {}, {}), evacuating(0, {}, {}, {})},
           acting("automatic"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
    const std::string out = ballastctl.out.str();
    CHECK(has(out, "0 of 2 VMs have left; moving web1"));
    CHECK(has(out, "1 of 2 VMs have left"));
    CHECK(has(out, "host1 is empty."));
    CHECK(ballastctl.waits == 2);
}

TEST_CASE("Waiting for maintenance ends with 3 and names the VMs that cannot be moved") {
    Run ballastctl;
    set_up(ballastctl, {evacuating(1, {}, {}, immovable())}, acting("automatic"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 3);
    CHECK(has(ballastctl.err.str(), "Only VMs that cannot be moved are left on host1"));
    CHECK(has(ballastctl.out.str(), "db1"));
    CHECK(has(ballastctl.out.str(), "PCI device 0000:3b:00.0"));
}

TEST_CASE("One look that seems stuck does not end the wait") {
    Run ballastctl;
    set_up(ballastctl,
           {evacuating(1, {}, {}, immovable()), evacuating(1, running(), {}, {}), evacuating(0, {}, {}, {})},
           acting("automatic"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
}

TEST_CASE("A mode that moves nothing ends the wait at once with 3 and says what to do") {
    Run ballastctl;
    set_up(ballastctl, {evacuating(2, {}, moves(), {})}, acting("observe"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 3);
    CHECK(has(ballastctl.err.str(), "ballastctl mode automatic"));
    CHECK(ballastctl.waits == 0);
}

TEST_CASE("Proposals are named once while the wait goes on") {
    Run ballastctl;
    set_up(ballastctl, {evacuating(1, waiting(), {}, {}), evacuating(1, waiting(), {}, {}), evacuating(0, {}, {}, {})},
           acting("confirm"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
    const std::string out = ballastctl.err.str();
    CHECK(has(out, "ballastctl approve op-000000000044"));
    CHECK(out.find("approve") == out.rfind("approve"));
}

TEST_CASE("Maintenance that somebody else ended ends the wait with 1") {
    Run ballastctl;
    set_up(ballastctl, {sample("explain_host")}, acting("automatic"));
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 1);
}

TEST_CASE("A daemon that is away for a moment does not end the wait") {
    Run ballastctl;
    set_up(ballastctl, {}, acting("automatic"));
    ballastctl.api.answers["GET /v1/explain/host/host1"] = {{503, {}}, {503, {}}, {200, evacuating(0, {}, {}, {})}};
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
    CHECK(ballastctl.waits == 2);
}

TEST_CASE("A daemon that systemd starts again after seconds does not end the wait") {
    Run ballastctl;
    set_up(ballastctl, {}, acting("automatic"));
    auto& looks = ballastctl.api.answers["GET /v1/explain/host/host1"];
    looks.assign(200, {503, {}});
    looks.push_back({200, evacuating(0, {}, {}, {})});
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
    looks.assign(400, {503, {}});
    CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 1);
}

TEST_CASE("Of several hosts that are waited for, that one failed counts for more than that one is not empty") {
    for (const bool failed_first : {true, false}) {
        Run ballastctl;
        set_up(ballastctl, {}, acting("automatic"));
        ballastctl.api.answers["POST /v1/maintenance/host2"] = ballastctl.api.answers["POST /v1/maintenance/host1"];
        const std::string failed = failed_first ? "host1" : "host2", left = failed_first ? "host2" : "host1";
        ballastctl.api.answers["GET /v1/explain/host/" + failed] = {{200, sample("explain_host")}};
        ballastctl.api.answers["GET /v1/explain/host/" + left] = {{200, evacuating(1, {}, {}, immovable())}};
        CHECK(ballastctl({"maintenance", "enter", "host1", "host2", "--wait"}) == 1);
    }
}

TEST_CASE("Waiting for a migration ends with 0 when it is done and with 1 when it is not") {
    for (const auto& [state, exit] :
         std::map<std::string, int>{{"done", 0}, {"rolled_back", 1}, {"cancelled", 1}, {"failed", 1}}) {
        Run ballastctl;
        ballastctl.api.answers["POST /v1/migrate"] = {{202, operation("planned", false)}};
        ballastctl.api.answers["GET /v1/operations/op-000000000042"] = {{200, operation("running", false)},
                                                                        {200, operation(state, true)}};
        CHECK(ballastctl({"migrate", "web1", "--to", "host2", "--wait"}) == exit);
        CHECK(has(ballastctl.out.str(), "12 s of about 42 s"));
    }
}

TEST_CASE("Waiting for a lost host to be switched on ends when it is back, or with 1 at an alarm") {
    const auto power = [](const std::string& state, const std::string& message, bool alarm) {
        const object host{{"host", "h2"}, {"state", state}, {"message", message}, {"alarm", alarm}};
        return object{{"problem", ""}, {"hosts", array{host}}};
    };
    const auto waited = [&](const object& last) {
        Run ballastctl;
        const object lost = power("lost", "is lost; it is switched on again", false);
        ballastctl.api.answers["POST /v1/power/h2"] = {{200, list(lost, "hosts")[0]}};
        for (const object& look : {lost, lost, last}) ballastctl.api.answers["GET /v1/power"].push_back({200, look});
        return ballastctl({"power", "on", "h2", "--wait"});
    };
    CHECK(waited(power("on", "is back", false)) == 0);
    CHECK(waited({{"problem", ""}, {"hosts", array()}}) == 1);  // taken from the configuration meanwhile
    CHECK(waited(power("lost", "is lost, and cannot be switched on again: no answer", true)) == 1);
}

TEST_CASE("On a terminal progress redraws one line, and programs get the final answer only") {
    for (const bool live : {true, false}) {
        Run ballastctl;
        ballastctl.live = live;
        set_up(ballastctl, {evacuating(1, running(), {}, {}), evacuating(0, {}, {}, {})}, acting("automatic"));
        CHECK(ballastctl({"maintenance", "enter", "host1", "--wait"}) == 0);
        CHECK(has(ballastctl.out.str(), "\r\x1b[K") == live);
    }
    Run program;
    program.live = true;
    set_up(program, {evacuating(1, running(), {}, {}), evacuating(0, {}, {}, {})}, acting("automatic"));
    CHECK(program({"maintenance", "enter", "host1", "--wait", "-o", "json"}) == 0);
    const value ended = boost::json::parse(program.out.str());
    REQUIRE(list(ended, "hosts").size() == 1);
    CHECK(at(at(list(ended, "hosts")[0], "host"), "vms") == 0);
}

TEST_CASE(
    "A migration that is measured shows bytes, rate, pass and what is left, each tenth as a line of its own on a "
    "pipe") {
    const auto at_bytes = [](std::uint64_t left, int pass) {
        value one = operation("running", false);
        one.as_object()["progress"] = object{{"total_bytes", 4ULL << 30},
                                             {"processed_bytes", (4ULL << 30) - left},
                                             {"remaining_bytes", left},
                                             {"iteration", pass},
                                             {"throughput_mib_per_s", 128}};
        return Answer{200, one};
    };
    Run ballastctl;
    ballastctl.api.answers["POST /v1/migrate"] = {{202, operation("planned", false)}};
    ballastctl.api.answers["GET /v1/operations/op-000000000042"] = {at_bytes(3ULL << 30, 1),
                                                                    at_bytes((3ULL << 30) - 1, 1),
                                                                    at_bytes(1ULL << 30, 2),
                                                                    {200, operation("done", true)}};
    CHECK(ballastctl({"migrate", "web1", "--to", "host2", "--wait"}) == 0);
    const std::string out = ballastctl.out.str();
    INFO(out);
    CHECK(has(out, "1 GiB of 4 GiB, 128 MiB/s, about 24 s left"));
    CHECK(has(out, "3 GiB of 4 GiB, pass 2, 128 MiB/s, about 8 s left"));
    CHECK(out.find("1 GiB of") == out.rfind("1 GiB of"));
    CHECK_FALSE(has(out, "\x1b"));
}

TEST_CASE("While the daemon is away a wait says so, and its error begins on a line of its own") {
    Run ballastctl;
    ballastctl.live = true;
    ballastctl.api.answers["POST /v1/migrate"] = {{202, operation("planned", false)}};
    ballastctl.api.answers["GET /v1/operations/op-000000000042"] = {{200, operation("running", false)}, {503, {}}};
    CHECK(ballastctl({"migrate", "web1", "--to", "host2", "--wait"}) == 1);
    CHECK(has(ballastctl.out.str(), "the daemon does not answer; waiting"));
    CHECK(ballastctl.out.str().ends_with("\n"));
    CHECK(has(ballastctl.err.str(), "HTTP status 503"));
}
