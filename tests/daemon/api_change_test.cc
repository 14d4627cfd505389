// Every route that changes something, over the socket; and what the log keeps of it.
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sstream>

#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// The default logger writes into memory while this lives.
class CapturedLog {
public:
    CapturedLog() : before_(spdlog::default_logger()) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(text_);
        auto logger = std::make_shared<spdlog::logger>("captured", sink);
        logger->set_pattern("%v");
        spdlog::set_default_logger(logger);
    }
    ~CapturedLog() { spdlog::set_default_logger(before_); }
    std::string audit() const {
        std::string line, found;
        for (std::istringstream lines(text_.str()); std::getline(lines, line);)
            if (line.starts_with("audit:")) found += line + "\n";
        return found;
    }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Pause and resume say who paused") {
    ApiBench bench;
    const Answer paused = bench.post("/v1/pause", "{}");
    CHECK(paused.at("/paused") == true);
    CHECK(paused.text("/paused_by").starts_with("uid "));
    CHECK(bench.get("/v1/plan").at("/paused") == true);
    CHECK(bench.post("/v1/resume").at("/paused") == false);
    CHECK(bench.post("/v1/pause", R"({"why":"x"})").status == 400);
}

TEST_CASE("The mode is overridden and given back") {
    ApiBench bench;
    const Answer automatic = bench.post("/v1/mode", R"({"mode":"automatic"})");
    CHECK(automatic.text("/mode") == "automatic");
    CHECK(automatic.text("/policy_mode") == "observe");
    CHECK(automatic.at("/mode_overridden") == true);
    CHECK(bench.post("/v1/mode", R"({"mode":null})").at("/mode_overridden") == false);
    for (const char* body : {R"({"mode":"auto"})", R"({"mode":1})", "{}", R"({"mode":"observe","x":1})"}) {
        INFO(body);
        CHECK(bench.post("/v1/mode", body).status == 400);
    }
}

TEST_CASE("A host enters and leaves maintenance") {
    ApiBench bench;
    bench.begin();
    const Answer on = bench.post("/v1/maintenance/host1", R"({"on":true})");
    CHECK(on.at("/maintenance") == true);
    CHECK(on.text("/host") == "host1");
    CHECK(bench.get("/v1/hosts/host1").at("/maintenance") == true);
    bench.pass(1s);
    CHECK(bench.get("/v1/explain/host/host1").text("/verdict").find("in maintenance") != std::string::npos);
    CHECK(bench.get("/v1/plan").text("/plan/moves/0/vm_name") == "web1");
    CHECK(bench.post("/v1/maintenance/host1", R"({"on":false})").at("/maintenance") == false);
    CHECK(bench.post("/v1/maintenance/host9", R"({"on":true})").status == 404);
    CHECK(bench.post("/v1/maintenance/host1", R"({"on":"yes"})").status == 400);
    CHECK(bench.post("/v1/maintenance/host1").text("/error/subject") == "on");
    CHECK(bench.post("/v1/maintenance/host1", R"({"on":true,"to_site":"b"})").status == 404);
    CHECK(bench.post("/v1/maintenance/host1", R"({"on":true,"to_site":1})").status == 400);
    CHECK(bench.post("/v1/maintenance/host1", R"({"on":false,"to_site":"b"})").text("/error/subject") == "to_site");
}

TEST_CASE("A migration is accepted, followed to its end and kept in the history") {
    ApiBench bench;
    bench.begin();
    const Answer started = bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})");
    REQUIRE(started.status == 202);
    CHECK(started.text("/trigger") == "manual");
    CHECK(started.at("/final") == false);
    const std::string id = started.text("/id");
    CHECK(bench.get("/v1/history").text("/active/0/id") == id);
    CHECK(bench.get("/v1/vms/web1").text("/operation") == id);
    CHECK(bench.post("/v1/migrate", R"({"vm":"web1","to":"host2","force":true})").status == 409);
    bench.pass(20s);
    const Answer ended = bench.get("/v1/operations/" + id);
    CHECK(ended.text("/state") == "done");
    CHECK(ended.at("/outcome/downtime_ms") == 90);
    CHECK(ended.at("/prediction/duration_ms").to_number<int>() > 0);
    CHECK(bench.get("/v1/vms/web1").text("/host") == "host2");
    const Answer history = bench.get("/v1/history?limit=1");
    CHECK(history.text("/ended/0/id") == id);
    CHECK(history.at("/ended_total") == 1);
    CHECK(bench.get("/v1/explain/vm/web1").text("/operations/0/id") == id);
}

TEST_CASE("A migration that the constraints forbid is refused with its reasons, and forced when asked") {
    ApiBench bench;
    bench.begin();
    bench.post("/v1/maintenance/host2", R"({"on":true})");
    bench.post("/v1/pause");
    const Answer refused = bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})");
    CHECK(refused.status == 422);
    CHECK(refused.code() == "refused");
    CHECK(refused.text("/error/details/refusals/0/reason") == "host_maintenance");
    CHECK(bench.post("/v1/migrate", R"({"vm":"web1","to":"host2","force":true})").status == 202);
}

TEST_CASE("A migration order that cannot be understood changes nothing") {
    ApiBench bench;
    bench.begin();
    const std::pair<const char*, unsigned> cases[] = {{R"({"vm":"web9","to":"host2"})", 404},
                                                      {R"({"vm":"web1","to":"host9"})", 404},
                                                      {R"({"vm":"web1"})", 400},
                                                      {R"({"to":"host2"})", 400},
                                                      {R"({"vm":["web1"],"to":"host2"})", 400},
                                                      {R"({"vm":"web1","to":"host2","force":"no"})", 400},
                                                      {R"({"vm":"web1","to":"host2","live":true})", 400},
                                                      {"", 400}};
    for (const auto& [body, status] : cases) {
        INFO(body);
        CHECK(bench.post("/v1/migrate", body).status == status);
    }
    CHECK(bench.controller->active().empty());
}

TEST_CASE("A running migration is cancelled") {
    ApiBench bench;
    bench.hypervisor.migration_time = 60s;
    bench.begin();
    const std::string id = bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})").text("/id");
    bench.pass(5s);
    CHECK(bench.get("/v1/operations/" + id).text("/state") == "running");
    CHECK(bench.post("/v1/operations/" + id + "/cancel").status == 200);
    bench.pass(120s);
    CHECK(bench.get("/v1/operations/" + id).text("/state") == "cancelled");
    CHECK(bench.post("/v1/operations/" + id + "/cancel").status == 404);
    CHECK(bench.post("/v1/operations/op-9/cancel").status == 404);
}

TEST_CASE("In confirm mode a proposal waits until it is approved") {
    ApiBench bench;
    policy::Options policy;
    policy.mode = policy::Mode::confirm;
    bench.begin(policy);
    bench.post("/v1/maintenance/host1", R"({"on":true})");
    bench.pass(1s);
    const Answer proposed = bench.get("/v1/history");
    REQUIRE(proposed.at("/active").as_array().size() == 1);
    CHECK(proposed.text("/active/0/state") == "waiting");
    CHECK(bench.get("/v1/status").at("/operations/waiting") == 1);
    const std::string id = proposed.text("/active/0/id");
    CHECK(bench.get("/v1/explain/cycle/" + proposed.text("/active/0/cycle")).text("/operations/0") == id);
    CHECK(bench.post("/v1/operations/" + id + "/approve").status == 200);
    bench.pass(20s);
    CHECK(bench.get("/v1/operations/" + id).text("/state") == "done");
    CHECK(bench.post("/v1/operations/" + id + "/approve").status == 404);
}

TEST_CASE("A reload tells what it did, and all diagnostics when the files are not valid") {
    Result<std::string> outcome = std::string("the policy was read again");
    daemon::ApiHooks hooks;
    hooks.reload = [&] { return outcome; };
    ApiBench bench(ApiBench::Who::admin, {}, hooks);
    CHECK(bench.post("/v1/reload").text("/message") == "the policy was read again");
    outcome = Error{ErrorCode::invalid, "policy", "10-policy.yaml:3:5: unknown key\n10-policy.yaml:9:1: again"};
    const Answer invalid = bench.post("/v1/reload");
    CHECK(invalid.status == 422);
    CHECK(contains(invalid.message(), "10-policy.yaml:9:1"));
    CHECK(ApiBench().post("/v1/reload").status == 501);
}

TEST_CASE("A backup of the store is for admins only") {
    daemon::ApiHooks hooks;
    hooks.backup = []() -> boost::asio::awaitable<Result<boost::json::value>> {
        co_return boost::json::object{{"format", "ballast-store/1"}};
    };
    ApiBench admin(ApiBench::Who::admin, {}, hooks), viewer(ApiBench::Who::viewer, {}, hooks);
    CHECK(admin.get("/v1/store/backup").text("/format") == "ballast-store/1");
    const Answer refused = viewer.get("/v1/store/backup");
    CHECK(refused.status == 403);
    CHECK(refused.code() == "forbidden");
    CHECK(ApiBench().get("/v1/store/backup").status == 501);
}

TEST_CASE("When the store fails the client is told, and a pause holds all the same") {
    ApiBench bench;
    bench.begin();
    bench.store.failure = Error{ErrorCode::no_space, "store", "disk full"};
    CHECK(bench.post("/v1/mode", R"({"mode":"automatic"})").status == 507);
    CHECK(bench.get("/v1/status").text("/mode") == "observe");
    CHECK(bench.post("/v1/pause").status == 507);
    CHECK(bench.get("/v1/status").at("/paused") == true);
    CHECK(bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})").status == 507);
}

TEST_CASE("Each change, done or refused, is one audit line, and looking is none") {
    const CapturedLog log;
    ApiBench bench;
    bench.begin();
    bench.get("/v1/status");
    CHECK(log.audit().empty());
    bench.post("/v1/maintenance/host2", R"({"on":true})");
    const std::string uid = std::to_string(::geteuid() == 0 ? 65534 : ::geteuid());
    CHECK(contains(log.audit(), "audit: uid=" + uid + " user="));
    CHECK(contains(log.audit(), R"(verb=maintenance subject="host2" request={"on":true} outcome=ok)"));
    bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})");
    CHECK(contains(log.audit(), R"(verb=migrate subject="" request={"vm":"web1","to":"host2"} outcome=refused)"));
}

TEST_CASE("A refused viewer is audited") {
    const CapturedLog log;
    ApiBench bench(ApiBench::Who::viewer);
    bench.post("/v1/pause");
    CHECK(contains(log.audit(), "verb=pause"));
    CHECK(contains(log.audit(), "outcome=forbidden"));
}

TEST_CASE("Nobody forges a line of the audit") {
    const CapturedLog log;
    ApiBench bench;
    bench.post("/v1/maintenance/x%0Aaudit:%20uid=0", R"({"on":true})");
    bench.post("/v1/migrate", R"({"vm":"a\naudit: uid=0","to":"h"})");
    bench.post("/v1/mode", "{\"mode\":\"" + std::string(5000, 'x') + "\"}");
    const std::string audit = log.audit();
    CHECK(std::count(audit.begin(), audit.end(), '\n') == 3);
    CHECK(audit.size() < 3000);
}

TEST_CASE("A change wakes those who watch") {
    ApiBench bench;
    const auto before = bench.get("/v1/watch").at("/revision").to_number<std::uint64_t>();
    bench.post("/v1/pause");
    CHECK(bench.get("/v1/watch").at("/revision").to_number<std::uint64_t>() > before);
    bench.post("/v1/mode", "{}");
    CHECK(bench.get("/v1/watch?since=" + std::to_string(before)).at("/changed") == true);
}
