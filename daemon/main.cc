#include <CLI/CLI.hpp>

#include "daemon/app.h"

int main(int argc, char** argv) {
    CLI::App app("Balances virtual machines over libvirt hosts.", "ballastd");
    std::string config_file = "/etc/ballast/ballast.yaml";
    bool check = false;
    app.add_option("-c,--config", config_file, "The daemon's configuration file")->capture_default_str();
    app.add_flag("--check", check, "Check the configuration and the policy, then exit");
    app.set_version_flag("--version", std::string("ballastd ") + BALLAST_VERSION);
    CLI11_PARSE(app, argc, argv);
    return check ? ballast::daemon::check(config_file) : ballast::daemon::run(config_file);
}
