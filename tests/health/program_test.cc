// The program itself, on a machine made of files.
#include <array>
#include <cstdio>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/health/tree.h"

using namespace ballast;
using test::Tree;

namespace {

struct Run {
    std::string output;
    int status = -1;
};

Run run(const std::string& arguments) {
    Run run;
    FILE* program = ::popen((BALLAST_HEALTH " " + arguments + " 2>/dev/null").c_str(), "r");
    REQUIRE(program != nullptr);
    std::array<char, 4096> part{};
    while (const std::size_t got = std::fread(part.data(), 1, part.size(), program))
        run.output.append(part.data(), got);
    const int status = ::pclose(program);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
}

}  // namespace

TEST_CASE("The program prints what it found as one line of JSON, and ends well whatever that is") {
    Tree tree;
    tree.put("sys/devices/system/edac/mc/mc0/ue_count", "1\n");
    tree.put("sys/devices/system/edac/mc/mc0/ce_count", "7\n");
    tree.put("proc/sys/kernel/random/boot_id", "0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11\n");
    const Run seen = run("--root " + tree.root.string());
    CHECK(seen.status == 0);
    CHECK(seen.output.find('\n') == seen.output.size() - 1);
    const auto report = health::report_from(seen.output);
    REQUIRE(report.has_value());
    CHECK(test::problem_of(*report, HealthSource::memory_uncorrected) != nullptr);
    CHECK(report->counters.size() == 1);
    CHECK(report->boot_id == "0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11");
    CHECK(report->time_s.value_or(0) > 1'700'000'000);
    CHECK(test::is_unread(*report, HealthSource::units));  // another machine's systemd cannot be asked
}

TEST_CASE("Looking at this very machine says something that is understood") {
    for (const char* arguments : {"", "--smart"}) {
        const Run seen = run(arguments);
        CHECK(seen.status == 0);
        CHECK(health::report_from(seen.output).has_value());
    }
}

TEST_CASE("Disks that hang are given up at the deadline, and told as broken, not as healthy") {
    Tree tree;
    tree.put("sys/block/sda/device/model", "x\n");
    tree.put("smartctl", "#!/bin/sh\nexec sleep 1000\n");
    const std::string tool = (tree.root / "smartctl").string();
    REQUIRE(::chmod(tool.c_str(), 0755) == 0);
    const Run seen = run("--smart --deadline 0.3 --root " + tree.root.string() + " --smartctl " + tool);
    CHECK(seen.status == 0);
    const auto report = health::report_from(seen.output);
    REQUIRE(report.has_value());
    REQUIRE(report->unread.size() == 1);
    if (::geteuid() == 0)
        CHECK(report->unread[0].broken);
    else
        CHECK(report->unread[0].text == "SMART was not read: only root may ask disks");
}

TEST_CASE("What is not understood is refused") {
    CHECK(run("--smart --deadline 0").status != 0);
    CHECK(run("--root /nonexistent").status != 0);
    CHECK(run("--frobnicate").status != 0);
    CHECK(run("--help").status == 0);
}
