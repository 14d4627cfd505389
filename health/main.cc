// ballast-health: looks at this machine once and prints what it found as JSON.
#include <CLI/CLI.hpp>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <unistd.h>

#include "health/sources.h"

namespace {

using namespace ballast;

constexpr const char* smartctl = "/usr/sbin/smartctl";

double utc_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

void look_at_disks(const health::Machine& machine, health::Report& report) {
    boost::asio::io_context io(1);
    service::Children children;
    boost::asio::co_spawn(io, health::look_at_disks(children, machine, smartctl, ::geteuid() == 0, report),
                          boost::asio::detached);
    io.run();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Looks at this machine for what is wrong with it, and prints it as JSON.", "ballast-health");
    std::string root = "/";
    bool smart = false;
    app.add_option("--root", root, "Where the machine's sys and proc are")
        ->capture_default_str()
        ->check(CLI::ExistingDirectory);
    app.add_flag("--smart", smart, "Ask the disks, and look at nothing else: they need not be asked as often");
    app.set_version_flag("--version", std::string("ballast-health ") + BALLAST_VERSION);
    CLI11_PARSE(app, argc, argv);
    const health::Machine machine(root);
    health::Report report;
    if (smart)
        look_at_disks(machine, report);
    else
        health::look_at_all(machine, report);
    report.time_s = utc_now();
    std::puts(health::to_json(report).c_str());
    return std::fflush(stdout) == 0 ? 0 : 1;
}
