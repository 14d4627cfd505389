#include <CLI/CLI.hpp>

#include "power/app.h"
#include "power/ipmi.h"

int main(int argc, char** argv) {
    if (const auto failed = ballast::power::become_ipmitool(argc, argv)) return *failed;
    CLI::App app("Switches the power of hosts for ballastd, and alone knows the secrets of their BMCs.",
                 "ballast-powerd");
    std::string file = "/etc/ballast/power.yaml", socket = "/run/ballast-power/broker.sock", host;
    bool check = false;
    app.add_option("-c,--config", file, "Which agents switch which host")->capture_default_str();
    app.add_option("--socket", socket, "Where ballastd connects")->capture_default_str();
    auto* checking = app.add_flag("--check", check, "Check the file, the agents and the secrets it names, then exit");
    app.add_option("--probe", host, "Ask each level of this host for its status, print what works, then exit")
        ->excludes(checking);
    app.set_version_flag("--version", std::string("ballast-powerd ") + BALLAST_VERSION);
    CLI11_PARSE(app, argc, argv);
    if (check) return ballast::power::check(file);
    return host.empty() ? ballast::power::run(file, socket) : ballast::power::probe(file, host);
}
