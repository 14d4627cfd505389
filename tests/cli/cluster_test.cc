// cluster members and leader, and store backup.
#include <fstream>
#include <sys/stat.h>

#include "interchange/store_backup.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;
namespace json = boost::json;

namespace {

json::value member(const char* host, const char* version, int protocol) {
    return json::object{{"host", host},         {"configured", true},   {"registered", true},
                        {"incarnation", 7},     {"boot", "b00t"},       {"version", version},
                        {"protocol", protocol}, {"oldest_protocol", 1}, {"since", "2026-11-22T09:15:00Z"}};
}

json::value cluster(json::value leader) {
    json::value odd = member("host3", "0.9.0", 1000), strange = member("host9", "", 1);
    odd.as_object()["oldest_protocol"] = 999;
    odd.as_object()["problem"] = "its daemon 0.9.0 speaks protocol 999 to 1000, this one 1: upgrade the older one";
    strange.as_object()["configured"] = false;
    strange.as_object()["since"] = nullptr;
    return json::object{
        {"member", "host2"},
        {"leader", std::move(leader)},
        {"term", 42},
        {"members",
         {member("host1", "0.1.0", 1), member("host2", "0.1.0", 3), odd,
          json::object{{"host", "host4"}, {"configured", true}, {"registered", false}, {"incarnation", nullptr}},
          strange}}};
}

std::string line_with(const std::string& text, const std::string& part) {
    const auto at = text.find(part);
    if (at == std::string::npos) return "";
    const auto begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

ballast::interchange::StoreBackup some_backup() {
    return {"ballastd 0.1.0", "2026-11-22T09:15:00Z", "the embedded store in /x", 42, {{"/ballast/a", "1"}}};
}

struct BackupRun : Run {
    BackupRun() {
        char pattern[] = "/tmp/ballastctl-test-XXXXXX";
        directory = mkdtemp(pattern);
        file = directory + "/backup.json";
        answer(ballast::interchange::as_json(some_backup()).value());
    }
    ~BackupRun() { std::filesystem::remove_all(directory); }
    void answer(const json::value& body) { api.answers["GET /v1/store/backup"] = {{200, body, json::serialize(body)}}; }
    std::string written() const {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string directory, file;
};

}  // namespace

TEST_CASE("cluster members shows of each host's daemon what it is, since when, and what is wrong with it") {
    Run ballastctl;
    ballastctl.style = style_of_width(0);
    ballastctl.api.answers["GET /v1/cluster"] = {{200, cluster("host1")}};
    CHECK(ballastctl({"cluster", "members"}) == 0);
    const std::string text = ballastctl.out.str();
    CHECK(has(line_with(text, "host1"), "leads"));
    CHECK(has(line_with(text, "host1"), "0.1.0"));
    CHECK(has(line_with(text, "host1"), "b00t"));
    CHECK(has(line_with(text, "host2"), "follows"));
    CHECK(has(line_with(text, "host2"), "1-3"));
    CHECK(has(line_with(text, "host3"), "999-1000"));
    CHECK(has(text, "upgrade the older one"));
    CHECK(has(line_with(text, "host4"), "not registered"));
    CHECK(has(text, "not one of the `hosts`"));
    CHECK_FALSE(has(text, "Nobody leads"));
}

TEST_CASE("cluster members keeps within the width of a terminal") {
    Run ballastctl;
    ballastctl.style = style_of_width(80);
    ballastctl.api.answers["GET /v1/cluster"] = {{200, cluster(nullptr)}};
    CHECK(ballastctl({"cluster", "members"}) == 0);
    CHECK(lines_wider_than(80, ballastctl.out.str()) == 0);
    CHECK(has(ballastctl.out.str(), "Nobody leads"));
}

TEST_CASE("cluster leader names who leads, and fails when nobody does") {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/cluster"] = {{200, cluster("host1")}};
    CHECK(ballastctl({"cluster", "leader"}) == 0);
    CHECK(has(ballastctl.out.str(), "host1 leads, term 42; registered since 2026-11-22"));
    ballastctl.out.str("");
    value young = cluster("host1");
    for (value& member : young.as_object()["members"].as_array()) member.as_object()["since"] = nullptr;
    ballastctl.api.answers["GET /v1/cluster"] = {{200, young}};
    CHECK(ballastctl({"cluster", "leader"}) == 0);
    CHECK_FALSE(has(ballastctl.out.str(), "registered"));
    ballastctl.out.str("");
    ballastctl.api.answers["GET /v1/cluster"] = {{200, cluster(nullptr)}};
    CHECK(ballastctl({"cluster", "leader"}) == 1);
    CHECK(has(ballastctl.out.str(), "Nobody leads"));
}

TEST_CASE("cluster leader as JSON has the leader's own entry") {
    Run ballastctl;
    ballastctl.api.answers["GET /v1/cluster"] = {{200, cluster("host2")}};
    CHECK(ballastctl({"-o", "json", "cluster", "leader"}) == 0);
    const json::value told = json::parse(ballastctl.out.str());
    CHECK(told.at("leader") == "host2");
    CHECK(told.at("member").at("protocol") == 3);
}

TEST_CASE("store backup, and cluster backup, write a file that is checked, whole, and not for everybody") {
    for (const char* group : {"store", "cluster"}) {
        BackupRun ballastctl;
        CHECK(ballastctl({group, "backup", ballastctl.file}) == 0);
        const auto read = ballast::interchange::parse_store_backup(ballastctl.written());
        REQUIRE(read.has_value());
        CHECK(*read == some_backup());
        CHECK(has(ballastctl.out.str(), "1 entries"));
        struct stat about {};
        REQUIRE(::stat(ballastctl.file.c_str(), &about) == 0);
        CHECK((about.st_mode & 0777) == 0600);
        CHECK_FALSE(std::filesystem::exists(ballastctl.file + ".new"));
    }
}

TEST_CASE("a backup that arrives damaged, or cannot be written, leaves the one that was there") {
    BackupRun ballastctl;
    std::ofstream(ballastctl.file) << "yesterday's";
    json::value damaged = ballast::interchange::as_json(some_backup()).value();
    damaged.at("entries").as_object()["/ballast/a"] = "2";
    ballastctl.answer(damaged);
    CHECK(ballastctl({"store", "backup", ballastctl.file}) == 1);
    CHECK(has(ballastctl.err.str(), "checksum is wrong"));
    CHECK(ballastctl.written() == "yesterday's");
    ballastctl.answer(ballast::interchange::as_json(some_backup()).value());
    CHECK(ballastctl({"store", "backup", ballastctl.directory + "/none/backup.json"}) == 1);
    CHECK(has(ballastctl.err.str(), "/none/backup.json"));
}

TEST_CASE("without a daemon store backup says how it goes without one") {
    BackupRun ballastctl;
    ballastctl.api.failure = ballast::Error{ballast::ErrorCode::unavailable, "/run/x", "Connection refused"};
    CHECK(ballastctl({"store", "backup", ballastctl.file}) == 4);
    CHECK(has(ballastctl.err.str(), "--stopped"));
    CHECK_FALSE(std::filesystem::exists(ballastctl.file));
}
