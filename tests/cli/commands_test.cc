#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/cli/samples.h"

using namespace ballast::cli;
using ballast::Error;
using ballast::ErrorCode;
namespace json = boost::json;

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Answer refusal(unsigned status, const std::string& code, const std::string& subject, const std::string& message) {
    return {
        status,
        json::object{
            {"error", json::object{{"code", code}, {"subject", subject}, {"message", message}, {"details", nullptr}}}}};
}

std::string file_with(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::temp_directory_path() / ("ballastctl-test-" + name);
    std::ofstream(path) << text;
    return path;
}

json::value operation(const std::string& state) {
    json::value one = json::value_from(sample("history").at("active").as_array()[0]);
    const bool final = state == "done" || state == "rolled_back" || state == "failed" || state == "cancelled";
    one.as_object()["state"] = state;
    one.as_object()["final"] = final;
    return one;
}
}  // namespace

TEST_CASE("What the daemon cannot be asked ends with 4 and says what to do") {
    Run ballastctl;
    ballastctl.api.failure = Error{ErrorCode::unavailable, "/run/ballast/ballast.sock", "Connection refused"};
    CHECK(ballastctl({"hosts"}) == 4);
    CHECK(has(ballastctl.err.str(), "systemctl status ballastd"));
    CHECK(ballastctl.out.str().empty());
}

TEST_CASE("A socket one may not open ends with 4 and names the group to join") {
    Run ballastctl;
    ballastctl.api.failure = Error{ErrorCode::refused, "/run/ballast/ballast.sock", "Permission denied"};
    CHECK(ballastctl({"status"}) == 4);
    CHECK(has(ballastctl.err.str(), "group ballast"));
}

TEST_CASE("What the daemon forbids ends with 1 and names the group to join") {
    Run ballastctl;
    ballastctl.api.answers["POST /v1/pause"] = {refusal(403, "forbidden", "", "viewers may only look")};
    CHECK(ballastctl({"pause"}) == 1);
    CHECK(has(ballastctl.err.str(), "viewers may only look"));
    CHECK(has(ballastctl.err.str(), "group ballast"));
}

TEST_CASE("What the daemon does not know ends with 1 and its message") {
    Run ballastctl;
    CHECK(ballastctl({"explain", "vm", "web9"}) == 1);
    CHECK(has(ballastctl.err.str(), "no such thing"));
}

TEST_CASE("Wrong usage ends with 2 before anything is asked, and a mistyped verb is understood") {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{},
                                                                                       {"migrate", "web1"},
                                                                                       {"hosts", "-o", "xml"},
                                                                                       {"history", "-n", "0"},
                                                                                       {"mode", "auto"},
                                                                                       {"status", "more"}}) {
        Run ballastctl;
        CHECK(ballastctl(words) == 2);
        CHECK(ballastctl.requests().empty());
        CHECK(has(ballastctl.err.str(), "ballastctl: "));
    }
    Run ballastctl;
    CHECK(ballastctl({"stauts"}) == 2);
    CHECK(has(ballastctl.err.str(), "did you mean status?"));
}

TEST_CASE("Help and version end with 0 and need no daemon") {
    Run help, flag, verb;
    CHECK(help({"--help"}) == 0);
    CHECK(has(help.out.str(), "4  the daemon cannot be reached"));
    CHECK(flag({"--version"}) == 0);
    CHECK(verb({"version", "-o", "json"}) == 0);
    CHECK(has(verb.out.str(), "\"version\""));
    CHECK(verb.requests().empty());
}

TEST_CASE("Names are encoded into the path they are sent in") {
    Run ballastctl;
    ballastctl({"explain", "vm", "a/b c?"});
    CHECK(ballastctl.requests() == std::vector<std::string>{"GET /v1/explain/vm/a%2Fb%20c%3F"});
}

TEST_CASE("Each verb sends what the contract asks for") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"migrate", "web1", "--to", "host2"}, R"(POST /v1/migrate {"vm":"web1","to":"host2","force":false})"},
        {{"migrate", "web1", "--to", "host2", "--force"},
         R"(POST /v1/migrate {"vm":"web1","to":"host2","force":true})"},
        {{"maintenance", "enter", "h1"}, R"(POST /v1/maintenance/h1 {"on":true})"},
        {{"maintenance", "enter", "h1", "--to-site", "b"}, R"(POST /v1/maintenance/h1 {"on":true,"to_site":"b"})"},
        {{"maintenance", "enter", "--site", "a", "--to-site", "b"}, "GET /v1/hosts"},
        {{"maintenance", "leave", "h1"}, R"(POST /v1/maintenance/h1 {"on":false})"},
        {{"approve", "op-1"}, "POST /v1/operations/op-1/approve"},
        {{"cancel", "op-1"}, "POST /v1/operations/op-1/cancel"},
        {{"fence", "forget", "web1"}, "POST /v1/vms/web1/forget"},
        {{"pause"}, "POST /v1/pause"},
        {{"resume"}, "POST /v1/resume"},
        {{"mode", "automatic"}, R"(POST /v1/mode {"mode":"automatic"})"},
        {{"mode", "policy"}, R"(POST /v1/mode {"mode":null})"},
        {{"mode"}, "GET /v1/policy"},
        {{"reload"}, "POST /v1/reload"},
        {{"history", "-n", "7"}, "GET /v1/history?limit=7"},
        {{"vms", "--host", "h1"}, "GET /v1/hosts/h1"},
        {{"preflight", "h1"}, "GET /v1/preflight?host=h1"},
        {{"policy", "show"}, "GET /v1/policy"},
        {{"explain", "cycle", "last"}, "GET /v1/explain/cycle/last"},
    };
    for (const auto& [words, request] : cases) {
        Run ballastctl;
        ballastctl(words);
        CHECK(ballastctl.requests().front() == request);
    }
}

TEST_CASE("All hosts of a site enter maintenance, and those that are named besides") {
    Run ballastctl;
    const char* hosts = R"({"hosts":[{"id":"h1","site":"a"},{"id":"h2","site":"b"},{"id":"h3","site":"a"}]})";
    ballastctl.api.answers["GET /v1/hosts"] = {{200, boost::json::parse(hosts)}};
    for (const std::string host : {"h1", "h2", "h3"})
        ballastctl.api.answers["POST /v1/maintenance/" + host] = {{200, boost::json::object{{"host", host}}}};
    ballastctl({"maintenance", "enter", "h2", "h1", "--site", "a", "--to-site", "c"});
    const auto requests = ballastctl.requests();
    REQUIRE(requests.size() >= 4);
    CHECK(requests[1] == R"(POST /v1/maintenance/h2 {"on":true,"to_site":"c"})");
    CHECK(requests[2] == R"(POST /v1/maintenance/h1 {"on":true,"to_site":"c"})");
    CHECK(requests[3] == R"(POST /v1/maintenance/h3 {"on":true,"to_site":"c"})");
    Run nobody;
    CHECK(nobody({"maintenance", "enter"}) == 2);
    CHECK(has(nobody.err.str(), "--site"));
    CHECK(nobody.requests().empty());
}

TEST_CASE("Several operations are each tried, and one failure shows in the exit code") {
    Run ballastctl;
    ballastctl.api.answers["POST /v1/operations/op-2/approve"] = {{200, operation("planned")}};
    CHECK(ballastctl({"approve", "op-1", "op-2"}) == 1);
    CHECK(ballastctl.requests().size() == 2);
    CHECK(has(ballastctl.out.str(), "planned"));
}

TEST_CASE("Programs get one document of the same shape, however many were named") {
    for (const std::vector<std::string>& ids : std::vector<std::vector<std::string>>{{"op-1"}, {"op-1", "op-2"}}) {
        Run ballastctl;
        for (const std::string& id : ids)
            ballastctl.api.answers["POST /v1/operations/" + id + "/cancel"] = {{200, operation("cancelled")}};
        std::vector<std::string> words = {"cancel", "-o", "json"};
        words.insert(words.end(), ids.begin(), ids.end());
        CHECK(ballastctl(words) == 0);
        CHECK(json::parse(ballastctl.out.str()).at("operations").as_array().size() == ids.size());
    }
    Run hosts;
    for (const std::string host : {"h1", "h2"})
        hosts.api.answers["POST /v1/maintenance/" + host] = {
            {200, json::object{{"host", host}, {"maintenance", true}}}};
    CHECK(hosts({"maintenance", "enter", "h1", "h2", "-o", "json"}) == 0);
    CHECK(json::parse(hosts.out.str()).at("hosts").at(1).at("host") == "h2");
}

TEST_CASE("A verb or an option that nobody knows is answered with what was probably meant") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"-o", "json", "stauts"}, "there is no verb stauts; did you mean status?"},
        {{"maintenance", "entr", "h1"}, "there is no verb maintenance entr; did you mean enter?"},
        {{"maintenance", "enter", "h1", "--wiat"},
         "ballastctl maintenance enter has no option --wiat; did you mean --wait?"},
        {{"status", "--colour", "never"}, "did you mean --color?"},
        {{"power", "xyzzy"}, "ballastctl power --help lists them"},
        {{"migrate", "web1"}, "--to is required"},
    };
    for (const auto& [words, said] : cases) {
        Run ballastctl;
        CHECK(ballastctl(words) == 2);
        INFO(ballastctl.err.str());
        CHECK(has(ballastctl.err.str(), said));
        CHECK(ballastctl.requests().empty());
    }
}

TEST_CASE("A daemon that runs alone has no cluster, which is said as it is") {
    for (const std::string verb : {"status", "members", "leader"}) {
        Run ballastctl;
        CHECK(ballastctl({"cluster", verb}) == 1);
        CHECK(has(ballastctl.err.str(), "this daemon runs alone"));
        CHECK(ballastctl.out.str().empty());
    }
}

TEST_CASE("A failed reload prints every diagnostic unwrapped, says that nothing changed, and ends with 2") {
    Run ballastctl;
    ballastctl.style = style_of_width(40);
    const std::string first = "/etc/ballast/policy.d/10-a.yaml:3:7: unknown key `abve`; did you mean `above`?";
    ballastctl.api.answers["POST /v1/reload"] = {
        refusal(422, "refused", "/etc/ballast/policy.d", first + "\nx.yaml:1:1: more\n")};
    CHECK(ballastctl({"reload"}) == 2);
    CHECK(ballastctl.err.str().starts_with(first + "\nx.yaml:1:1: more\n"));
    CHECK(has(ballastctl.err.str(), "Nothing changed"));
}

TEST_CASE("A policy check names every error of every file at its place and ends with 2") {
    const std::string one = file_with("one.yaml", "mode: observ\noverload: {cpu: {abve: 80%}}\n");
    const std::string two = file_with("two.yaml", "limits:\n    cluster: many\n");
    Run ballastctl;
    CHECK(ballastctl({"policy", "check", one, two}) == 2);
    const std::string err = ballastctl.err.str();
    CHECK(has(err, one + ":1:7: "));
    CHECK(has(err, one + ":2:"));
    CHECK(has(err, two + ":2:14: "));
    CHECK(ballastctl.out.str().empty());
    CHECK(ballastctl.requests().empty());
}

TEST_CASE("A policy check of a good file ends with 0, and of a missing one with 2") {
    Run good, missing;
    CHECK(good({"policy", "check", file_with("good.yaml", "mode: confirm\n")}) == 0);
    CHECK(has(good.out.str(), "mode confirm"));
    CHECK(missing({"policy", "check", "/nonexistent/x.yaml"}) == 2);
}

TEST_CASE("The shipped defaults can be shown without a daemon and are a valid policy") {
    Run ballastctl, check;
    CHECK(ballastctl({"policy", "show", "--defaults"}) == 0);
    CHECK(ballastctl.requests().empty());
    CHECK(check({"policy", "check", file_with("defaults.yaml", ballastctl.out.str())}) == 0);
}

TEST_CASE("JSON output is the daemon's answer and nothing else") {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/status"] = {{200, sample("status")}};
    CHECK(ballastctl({"status", "-o", "json"}) == 0);
    CHECK(json::parse(ballastctl.out.str()) == sample("status"));
    CHECK(ballastctl.requests().size() == 1);
}

TEST_CASE("Colours come with --color always and never with --color never") {
    Run with, without;
    for (Run* run : {&with, &without}) run->api.answers["GET /v1/hosts"] = {{200, sample("hosts")}};
    with({"--color", "always", "hosts"});
    without.style.colour = true;
    without({"hosts", "--color", "never"});
    CHECK(has(with.out.str(), "\x1b[1;31m"));
    CHECK_FALSE(has(without.out.str(), "\x1b"));
}

TEST_CASE("Preflight ends with 3 when there is a problem, with 0 otherwise") {
    Run bad, good;
    bad.api.answers["GET /v1/preflight"] = {{200, sample("preflight")}};
    good.api.answers["GET /v1/preflight"] = {{200, json::object{{"status", "warning"}}}};
    CHECK(bad({"preflight"}) == 3);
    CHECK(good({"preflight"}) == 0);
}

TEST_CASE("Output that cannot be written is a failure, although the daemon answered") {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/hosts"] = {{200, sample("hosts")}};
    ballastctl.out.setstate(std::ios::badbit);
    CHECK(ballastctl({"hosts"}) == 1);
    CHECK(has(ballastctl.err.str(), "could not be written"));
}

TEST_CASE("A rolling reboot is begun, looked at, resumed and stopped by its own verbs") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> orders = {
        {{"rolling-reboot"}, R"(POST /v1/rolling {"action":"start"})"},
        {{"rolling-reboot", "--group", "new"}, R"(POST /v1/rolling {"action":"start","group":"new"})"},
        {{"rolling-reboot", "--host", "b", "--host", "a", "--command", "upgrade", "--reboot", "power"},
         R"(POST /v1/rolling {"action":"start","hosts":["b","a"],"command":"upgrade","reboot":"power"})"},
        {{"rolling-reboot", "resume"}, R"(POST /v1/rolling {"action":"resume"})"},
        {{"rolling-reboot", "resume", "--skip"}, R"(POST /v1/rolling {"action":"resume","skip":true})"},
        {{"rolling-reboot", "stop"}, R"(POST /v1/rolling {"action":"stop"})"},
        {{"rolling-reboot", "status"}, "GET /v1/rolling"},
    };
    for (const auto& [words, request] : orders) {
        Run run;
        run.api.answers["POST /v1/rolling"] = {{202, sample("rolling")}};
        run.api.answers["GET /v1/rolling"] = {{200, sample("rolling")}};
        INFO(request);
        CHECK(run(words) == 0);
        CHECK(run.api.requests->back() == request);
    }
}

TEST_CASE("Waiting for a rolling reboot ends with 0 when it is done and with 3 when it has stopped") {
    Run run;
    boost::json::value done = sample("rolling"), running = sample("rolling");
    done.at("rolling").as_object()["state"] = "done";
    running.at("rolling").as_object()["state"] = "running";
    run.api.answers["POST /v1/rolling"] = {{202, running}};
    SECTION("done") {
        run.api.answers["GET /v1/rolling"] = {{200, running}, {200, done}};
        CHECK(run({"rolling-reboot", "--wait"}) == 0);
    }
    SECTION("stopped") {
        run.api.answers["GET /v1/rolling"] = {{200, running}, {200, sample("rolling")}};
        CHECK(run({"rolling-reboot", "--wait"}) == 3);
        CHECK(run.out.str().find("no space left") != std::string::npos);
    }
}

TEST_CASE("What the daemon finds wrong with an argument ends with 2, as what ballastctl finds itself") {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/plan?what_if=loose%20host2"] = {refusal(400, "invalid", "what_if", "loose?")};
    CHECK(ballastctl({"plan", "--what-if", "loose host2"}) == 2);
    CHECK(has(ballastctl.err.str(), "what_if: loose?"));
}

TEST_CASE("A daemon that accepts no connections any more is told of as one that hangs") {
    const std::string path = std::filesystem::temp_directory_path() / ("ballast-full-" + std::to_string(::getpid()));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto named = reinterpret_cast<const sockaddr*>(&address);
    const int listens = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(listens, named, sizeof address) == 0);
    REQUIRE(::listen(listens, 0) == 0);
    std::vector<int> waiting;
    do waiting.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    while (::connect(waiting.back(), named, sizeof address) == 0 && waiting.size() < 100);
    const auto answer = connect_by_socket(path)->call(Method::get, "/v1/status", nullptr);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == ErrorCode::unavailable);
    CHECK(has(answer.error().message, "does not accept connections"));
    for (const int one : waiting) ::close(one);
    ::close(listens);
    ::unlink(path.c_str());
    CHECK(connect_by_socket("")->call(Method::get, "/v1/status", nullptr).error().code == ErrorCode::invalid);
}
