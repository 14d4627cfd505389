#include <chrono>
#include <sys/stat.h>

#include "tests/health/tree.h"

using namespace ballast;
using namespace ballast::health;
using test::is_unread;
using test::Tree;

namespace {

// A smartctl that prints this for every disk.
std::string tool(Tree& tree, const std::string& body) {
    tree.put("smartctl", "#!/bin/sh\n" + body + "\n");
    const std::string path = (tree.root / "smartctl").string();
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    return path;
}

Report asked(const Tree& tree, const std::string& smartctl, bool privileged = true,
             Duration deadline = std::chrono::seconds{20}) {
    Report report;
    look_at_disks(tree.machine(), {smartctl, privileged, deadline}, report);
    return report;
}

void add_disks(Tree& tree) {
    tree.put("sys/block/sda/device/model", "x\n");
    tree.put("sys/block/nvme0n1/device/model", "x\n");
    tree.put("sys/block/loop0/size", "1\n");
    tree.put("sys/block/sr0/device/model", "x\n");
}

}  // namespace

TEST_CASE("A disk that says it fails is a problem, and only disks are asked") {
    Tree tree;
    add_disks(tree);
    const Report report = asked(tree, tool(tree, R"(
case "$*" in
  "--json -H -n standby /dev/sda") echo '{"smart_status": {"passed": false}}'; exit 8;;
  "--json -H -n standby /dev/nvme0n1") echo '{"smart_status": {"passed": true, "nvme": {"value": 0}}}';;
  *) echo '{"smart_status": {"passed": false}}';;
esac)"));
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0] == HealthProblem{HealthSource::disk, "sda", "disk sda says that it fails (SMART)"});
    CHECK(report.unread.empty());
}

TEST_CASE("A disk that is not asked, or does not answer, is told as unread") {
    Tree tree;
    add_disks(tree);
    const std::string well = tool(tree, R"(echo '{"smart_status": {"passed": true}}')");
    CHECK(asked(tree, well).unread.empty());
    CHECK_THAT(asked(tree, well, false).unread.at(0).text, Catch::Contains("only root"));
    CHECK(is_unread(asked(tree, "/nonexistent/smartctl"), HealthSource::disk));
    for (const char* body : {"exit 2", "echo garbage", "echo '{\"smart_status\": 1}'", "echo '[]'", "kill -9 $$",
                             "echo '{\"smart_status\": {\"passed\": \"no\"}}'"}) {
        INFO(body);
        const Report report = asked(tree, tool(tree, body));
        CHECK(report.problems.empty());
        CHECK(report.unread.size() == 2);
    }
}

TEST_CASE("A disk that does not answer in time is given up, told as broken, and delays no other's verdict") {
    Tree tree;
    add_disks(tree);
    const auto begun = std::chrono::steady_clock::now();
    const Report report = asked(tree, tool(tree, R"(
case "$*" in
  *sda) sleep 1000;;
  *) echo '{"smart_status": {"passed": false}}';;
esac)"),
                                true, std::chrono::milliseconds{500});
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{10});
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].subject == "nvme0n1");
    REQUIRE(report.unread.size() == 1);
    CHECK(report.unread[0].broken);
    CHECK(report.unread[0].subject == "sda");
    CHECK(report.unread[0].text == "SMART of sda was not read: no answer within 500 ms");
    CHECK(report.unread[0].hides({HealthSource::disk, "sda", ""}));
    CHECK_FALSE(report.unread[0].hides({HealthSource::disk, "sdb", ""}));
    CHECK_FALSE(report.unread[0].hides({HealthSource::link, "sda", ""}));
}

TEST_CASE("Why a disk has no verdict is told in smartctl's words, or by how it ended") {
    Tree tree;
    tree.put("sys/block/sda/device/model", "x\n");
    for (const auto& [body, why] :
         {std::pair{
              R"(echo '{"smartctl": {"messages": [{"string": "Smartctl open device: /dev/sda failed: Permission denied",
                        "severity": "error"}], "exit_status": 2}}'; exit 2)",
              "SMART of sda was not read: Smartctl open device: /dev/sda failed: Permission denied"},
          {R"(echo '{"smartctl": {"messages": []}}'; exit 4)",
           "SMART of sda was not read: smartctl ended with status 4"},
          {R"(echo '{"smartctl": {"messages": [3]}}'; exit 4)",
           "SMART of sda was not read: smartctl ended with status 4"},
          {"kill -9 $$", "SMART of sda was not read: a signal ended smartctl"}}) {
        const Report report = asked(tree, tool(tree, body));
        REQUIRE(report.unread.size() == 1);
        CHECK(report.unread[0].text == why);
        CHECK_FALSE(report.unread[0].broken);
        CHECK(report.unread[0].subject == "sda");
    }
}
