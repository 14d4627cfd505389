// ballast-health: looks at this machine once and prints what it found as JSON.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <unistd.h>

#include "health/sources.h"

namespace {

using namespace ballast;

double utc_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Looks at this machine for what is wrong with it, and prints it as JSON.", "ballast-health");
    std::string root = "/";
    bool smart = false;
    health::SmartOptions disks;
    disks.privileged = ::geteuid() == 0;
    double deadline_s = std::chrono::duration<double>(disks.deadline).count();
    app.add_option("--root", root, "Where the machine's sys and proc are")
        ->capture_default_str()
        ->check(CLI::ExistingDirectory);
    app.add_flag("--smart", smart, "Ask the disks, and look at nothing else: they need not be asked as often");
    app.add_option("--deadline", deadline_s, "Seconds after which disks that have not answered --smart are given up")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 600.0));
    app.add_option("--smartctl", disks.tool, "What asks a disk")->capture_default_str();
    app.set_version_flag("--version", std::string("ballast-health ") + BALLAST_VERSION);
    CLI11_PARSE(app, argc, argv);
    disks.deadline = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(deadline_s));
    const health::Machine machine(root);
    health::Report report;
    if (smart)
        health::look_at_disks(machine, disks, report);
    else
        health::look_at_all(machine, report);
    report.time_s = utc_now();
    std::puts(health::to_json(report).c_str());
    return std::fflush(stdout) == 0 ? 0 : 1;
}
