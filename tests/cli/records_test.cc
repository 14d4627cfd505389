// record, replay, plan --what-if and capacity as their user meets them.
#include "interchange/history.h"
#include "interchange/record.h"
#include "tests/cli/samples.h"
#include "tests/config/samples.h"
#include "tests/interchange/samples.h"

using namespace ballast::cli;
using namespace ballast;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string path_of(const std::string& name) {
    return std::filesystem::temp_directory_path() / ("ballastctl-record-" + name);
}

std::string file_with(const std::string& name, const std::string& text) {
    std::ofstream(path_of(name)) << text;
    return path_of(name);
}

std::string text_in(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// host1 is too busy, and one move helps.
interchange::Record busy_record() {
    test::Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"web", "shop", "mail"}) cluster.vm(name, "host1", 2.6);
    cluster.vm("db", "host2", 1);
    cluster.persist(10min);
    return test::record_of(cluster);
}

std::string busy_file() {
    return file_with("busy.json", interchange::to_text(busy_record()));
}

// Half an hour of an overloaded host, in a folder as the daemon keeps it.
std::string busy_history() {
    test::Cluster cluster;
    for (const char* name : {"host1", "host2"}) cluster.host(name);
    for (const char* name : {"web", "shop", "mail", "wiki"}) cluster.vm(name, "host1", 2.1);
    interchange::HistoryWriter writer;
    const std::string directory = path_of("history");
    std::filesystem::create_directories(directory);
    std::ofstream file(directory + "/000000000001.history");
    for (int i = 0; i < 30; ++i) {
        cluster.tick(1min);
        file << writer.line({WallTime(cluster.now.time_since_epoch()), cluster.inventory, cluster.options});
    }
    file << "torn";
    return directory;
}

// What stands between ```yaml and ``` in a document, block by block.
std::vector<std::string> yaml_blocks(const std::string& document) {
    const std::string begin = "```yaml\n", end = "```";
    std::vector<std::string> blocks;
    for (auto at = document.find(begin); at != std::string::npos; at = document.find(begin, at)) {
        at += begin.size();
        blocks.push_back(document.substr(at, document.find(end, at) - at));
    }
    return blocks;
}

Answer api_answer(const interchange::Record& record) {
    const auto body = interchange::as_json(record);
    return {200, body, boost::json::serialize(body)};
}

}  // namespace

TEST_CASE("A record goes into a file, and from there comes the same plan") {
    const std::string file = path_of("kept.json");
    Run keep, again;
    keep.api.answers["GET /v1/record"] = {api_answer(busy_record())};
    CHECK(keep({"record", file}) == 0);
    CHECK(has(keep.out.str(), "3 hosts and 4 VMs"));
    CHECK(again({"replay", file}) == 0);
    CHECK(has(again.out.str(), "Byte for byte the recorded plan."));
    CHECK(has(again.out.str(), "host1 →"));
    CHECK(again.requests().empty());
}

TEST_CASE("A record on stdout is the file and nothing else") {
    Run keep;
    keep.api.answers["GET /v1/record"] = {api_answer(busy_record())};
    CHECK(keep({"record", "-"}) == 0);
    CHECK(keep.out.str() == interchange::to_text(busy_record()));
}

TEST_CASE("A plan that is not the recorded one is told and ends with 1") {
    auto record = busy_record();
    record.plan->moves.front().to = {"host3"};
    record.plan->moves.front().reason = "something else";
    Run again;
    CHECK(again({"replay", file_with("other.json", interchange::to_text(record))}) == 1);
    CHECK(has(again.out.str(), "NOT the recorded plan"));
}

TEST_CASE("A damaged record ends with 2 and names the place") {
    std::string text = interchange::to_text(busy_record());
    text.replace(text.find("\"cpus\": 10"), 10, "\"cpus\": -1");
    const std::string file = file_with("bad.json", text);
    Run again, missing;
    CHECK(again({"replay", file}) == 2);
    CHECK(has(again.err.str(), file + ":"));
    CHECK(has(again.err.str(), "inventory.hosts[0].facts.cpus: -1"));
    CHECK(missing({"replay", "/nonexistent/record"}) == 2);
    CHECK(has(missing.err.str(), "/nonexistent/record"));
}

TEST_CASE("Another policy, a supposition, an explanation and the capacity are made from the file") {
    const std::string file = busy_file();
    const std::string policy = file_with("policy.yaml", "overload: {cpu: {above: 99%, below: 98%}}\n");
    Run under_policy, supposed, vm, host, room, unknown;
    CHECK(under_policy({"replay", file, "--policy", policy}) == 0);
    CHECK_FALSE(has(under_policy.out.str(), "recorded plan"));
    CHECK(supposed({"replay", file, "--what-if", "lose host2"}) == 0);
    CHECK(has(supposed.out.str(), "Restarts"));
    CHECK(vm({"replay", file, "--explain", "vm", "web"}) == 0);
    CHECK(has(vm.out.str(), "is running on host1"));
    CHECK(host({"replay", file, "--explain", "host", "host1"}) == 0);
    CHECK(has(host.out.str(), "Would leave"));
    CHECK(room({"replay", file, "--capacity"}) == 0);
    Run lost;
    CHECK(lost({"replay", file, "--what-if", "lose host1", "--explain", "host", "host1"}) == 0);
    CHECK(lost.out.str().find("lost") != std::string::npos);
    Run nobody;
    CHECK(nobody({"replay", file, "--what-if", "lose nobody", "--capacity"}) == 2);
    CHECK(has(room.out.str(), "Any one host may fail"));
    CHECK(unknown({"replay", file, "--explain", "vm", "nobody"}) == 2);
    CHECK(has(unknown.err.str(), "nobody"));
}

TEST_CASE("A VM that is moved, one that need not be, and one that cannot help are each explained") {
    auto record = busy_record();
    const std::string moved = record.inventory.vms.at(record.plan->moves.at(0).vm).facts.name;
    const std::string file = busy_file();
    Run mover, calm;
    CHECK(mover({"replay", file, "--explain", "vm", moved}) == 0);
    CHECK(has(mover.out.str(), "It is wanted on " + record.plan->moves[0].to.value));
    CHECK(has(mover.out.str(), "suits better"));
    CHECK(calm({"replay", file, "--explain", "vm", "db"}) == 0);
    CHECK(has(calm.out.str(), "Nothing asks for a move: host2 is neither overloaded nor degraded nor in maintenance."));
}

TEST_CASE("An anonymised record has none of the names, and makes a plan of the same moves") {
    const std::string file = path_of("anonymous.json");
    Run keep, again;
    keep.api.answers["GET /v1/record"] = {api_answer(busy_record())};
    CHECK(keep({"record", "--anonymise", file}) == 0);
    const std::string text = text_in(file);
    for (const char* name : {"web", "shop", "host1", "/srv", "br0", "id-"}) CHECK_FALSE(has(text, name));
    CHECK(again({"replay", file}) == 0);
    const auto record = interchange::parse_record(text);
    REQUIRE(record.has_value());
    CHECK(record->plan->moves.size() == busy_record().plan->moves.size());
}

TEST_CASE("A VM that could be started nowhere for two reasons is one VM") {
    auto record = busy_record();
    for (auto& [id, vm] : record.inventory.vms)
        if (vm.facts.name == "db") vm.facts.requirements.files = {"/local/a.img", "/local/b.img"};
    record.plan.reset();
    Run room;
    CHECK(room({"replay", file_with("local.json", interchange::to_text(record)), "--capacity"}) == 0);
    CHECK(has(room.out.str(), "If host2 fails, 1 of its 1 VM would run nowhere"));
    CHECK(has(room.out.str(), "/local/b.img"));
}

TEST_CASE("Suppositions and capacity are asked of the daemon") {
    Run supposed, room;
    supposed({"plan", "--what-if", "lose host2; add-host 32cpu,256GiB"});
    CHECK(supposed.requests() ==
          std::vector<std::string>{"GET /v1/plan?what_if=lose%20host2%3B%20add-host%2032cpu%2C256GiB"});
    room({"capacity", "-o", "json"});
    CHECK(room.requests() == std::vector<std::string>{"GET /v1/capacity"});
}

TEST_CASE("A policy is tried on the history, beside what happened") {
    const std::string directory = busy_history();
    const std::string policy = file_with("test.yaml", "overload: {cpu: {above: 80%, below: 70%}}\n");
    Run trial, json, nowhere;
    CHECK(trial({"policy", "test", policy, "--history", directory}) == 0);
    CHECK(has(trial.out.str(), "Tried on 29 min of history (30 looks, 0 gaps)"));
    CHECK(has(trial.err.str(), "ends early: line 31"));
    CHECK(json({"policy", "test", policy, "--history", directory, "-o", "json"}) == 0);
    CHECK(boost::json::parse(json.out.str()).at("trial").at("moves").as_int64() >= 1);
    CHECK(nowhere({"policy", "test", policy, "--history", "/nonexistent"}) == 2);
}

TEST_CASE("Each policy of the cookbook is whole and can be tried on the history") {
    const auto recipes = yaml_blocks(read_sample(repository() / "docs/cookbook.md"));
    CHECK(recipes.size() >= 10);
    const std::string directory = busy_history();
    for (const auto& recipe : recipes) {
        const std::string policy = file_with("recipe.yaml", recipe);
        Run check, trial;
        INFO(recipe);
        CHECK(check({"policy", "check", policy}) == 0);
        CHECK(trial({"policy", "test", policy, "--history", directory}) == 0);
        INFO(check.err.str() << trial.err.str());
        CHECK(has(trial.out.str(), "Tried on 29 min of history"));
    }
}
