#include "cli/completion.h"

#include <algorithm>

#include "tests/cli/samples.h"

using namespace ballast::cli;

namespace {
bool offers(const std::vector<std::string>& typed, const std::string& word) {
    const auto words = candidates(verbs(), typed).words;
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string completed(const std::vector<std::string>& typed) {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/hosts"] = {{200, sample("hosts")}};
    ballastctl.api.answers["GET /v1/vms"] = {{200, sample("vms")}};
    ballastctl.api.answers["GET /v1/history?limit=1"] = {{200, sample("history")}};
    std::vector<std::string> words{"complete", "--"};
    words.insert(words.end(), typed.begin(), typed.end());
    CHECK(ballastctl(words) == 0);
    return ballastctl.out.str();
}
}  // namespace

TEST_CASE("Verbs complete at the start and behind the verbs that have their own, hidden ones never") {
    CHECK(offers({""}, "maintenance"));
    CHECK_FALSE(offers({""}, "complete"));
    CHECK(offers({"maintenance", ""}, "enter"));
    CHECK_FALSE(offers({"maintenance", ""}, "status"));
    CHECK_FALSE(offers({"hosts", ""}, "status"));
}

TEST_CASE("Options complete with those of the verb and those of all verbs") {
    CHECK(offers({"migrate", "web1", "--"}, "--to"));
    CHECK(offers({"migrate", "--"}, "--output"));
    CHECK_FALSE(offers({"hosts", "--"}, "--to"));
}

TEST_CASE("Values of options and arguments complete with what they name") {
    CHECK(candidates(verbs(), {"migrate", ""}).kind == Kind::vm);
    CHECK(candidates(verbs(), {"migrate", "web1", "--to", ""}).kind == Kind::host);
    CHECK(candidates(verbs(), {"migrate", "--to", "host2", ""}).kind == Kind::vm);
    CHECK(candidates(verbs(), {"migrate", "web1", ""}).kind == Kind::none);
    CHECK(candidates(verbs(), {"approve", "op-1", ""}).kind == Kind::operation);
    CHECK(candidates(verbs(), {"policy", "check", "a.yaml", ""}).kind == Kind::file);
    CHECK(candidates(verbs(), {"-o", "json", "explain", "host", ""}).kind == Kind::host);
    CHECK(offers({"hosts", "-o", ""}, "yaml"));
    CHECK(offers({"mode", ""}, "automatic"));
}

TEST_CASE("Names come from the daemon, and hostile ones are left out") {
    CHECK(completed({"maintenance", "enter", ""}) == "host1\nhost2\nhost3\nrack2-kvm-17\n");
    CHECK(completed({"cancel", ""}) == "op-000000000042\nop-000000000044\n");
    const std::string vms = completed({"migrate", ""});
    CHECK(vms.find("web1\n") != std::string::npos);
    CHECK(vms.find("evil") == std::string::npos);
}

TEST_CASE("Completion is silent when no daemon answers") {
    Run ballastctl;
    ballastctl.api.failure = ballast::Error{ballast::ErrorCode::unavailable, "socket", "refused"};
    CHECK(ballastctl({"complete", "--", "explain", "vm", ""}) == 0);
    CHECK(ballastctl.out.str().empty());
    CHECK(ballastctl.err.str().empty());
}

TEST_CASE("Every shell has its script, and no script lets the shell expand a name") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        Run ballastctl;
        CHECK(ballastctl({"completion", shell}) == 0);
        CHECK(ballastctl.out.str().find("complete --") != std::string::npos);
        CHECK(ballastctl.out.str().find("compgen -W") == std::string::npos);
        CHECK(ballastctl.out.str().find("eval") == std::string::npos);
    }
}
