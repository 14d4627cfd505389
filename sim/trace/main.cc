// ballast-sim: policies on simulated clusters and virtual time. docs/simulator.md is its manual.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "config/load.h"
#include "sim/trace/commands.h"

namespace {

using namespace ballast;
using namespace ballast::sim::trace;

struct Arguments {
    PlanetlabCommand planetlab;
    SyntheticCommand synthetic;
    std::string policy_file, peer, release = "3.0.3", rules = "published";
    std::optional<double> parameter;
};

void add_planetlab(CLI::App& app, Arguments& arguments) {
    auto& command = arguments.planetlab;
    app.add_option("DAY", command.day, "trace of one day: CSV, gzip or plain")->required();
    auto* peer = app.add_option("--peer", arguments.peer, "one of CloudSim's policies instead of Ballast's")
                     ->check(CLI::IsMember({"npa", "dvfs", "thr", "iqr", "mad", "lr", "lrr"}));
    app.add_option("--parameter", arguments.parameter, "its threshold or safety (0.8, 1.5, 2.5, 1.2)")
        ->check(CLI::Range(0.01, 100.0))
        ->needs(peer);
    app.add_option("--release", arguments.release, "of CloudSim: 3.0.0 or 3.0.3")
        ->check(CLI::IsMember({"3.0.0", "3.0.3"}))
        ->needs(peer)
        ->capture_default_str();
    app.add_option("--policy", arguments.policy_file, "policy file whose cooldown.vm is to hold")->excludes(peer);
    auto* aggressiveness =
        app.add_option("--aggressiveness", command.options.aggressiveness, "0 keeps much in reserve, 1 packs tightly")
            ->check(CLI::Range(0.0, 1.0))
            ->excludes(peer)
            ->capture_default_str();
    app.add_option("--rules", arguments.rules, "published: CloudSim's; honest: a real cluster's")
        ->check(CLI::IsMember({"published", "honest"}))
        ->capture_default_str();
    app.add_flag("--curve", command.curve, "energy, ESV and moves over the aggressiveness")
        ->excludes(peer)
        ->excludes(aggressiveness);
    app.add_flag("--json", command.json, "one JSON object a line");
}

void add_synthetic(CLI::App& app, Arguments& arguments) {
    auto& command = arguments.synthetic;
    app.add_option("--hosts", command.cluster.hosts)->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--vms", command.cluster.vms)->check(CLI::Range(1, 9999))->capture_default_str();
    app.add_option("--days", command.cluster.days)->check(CLI::Range(1, 366))->capture_default_str();
    app.add_option("--seed", command.cluster.seed)->capture_default_str();
    app.add_option("--noise", command.cluster.noise, "standard deviation of a sample, of the VM's demand")
        ->check(CLI::Range(0.0, 2.0))
        ->capture_default_str();
    app.add_option("--bursts", command.cluster.bursts_per_day, "of each VM a day")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    app.add_option("--load", command.cluster.mean_load, "mean share of all CPUs wanted")
        ->check(CLI::Range(0.01, 0.95))
        ->capture_default_str();
    app.add_option("--phase-spread", command.cluster.phase_spread,
                   "standard deviation of the time at which services peak, radians of a day: 0.26 is an hour")
        ->check(CLI::Range(0.0, 10.0))
        ->capture_default_str();
    app.add_option("--steepness", command.cluster.steepness,
                   "0: load follows a sine over the day; K: it rises and falls K times as steeply")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    app.add_option("--weekend", command.cluster.weekend, "load on weekends, of a working day's")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--stays", command.cluster.stays, "share of a VM's load that stays on a host it leaves")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_option_function<unsigned>(
           "--boot", [&command](unsigned seconds) { command.cluster.boot = std::chrono::seconds{seconds}; },
           "seconds until a host that is switched on takes VMs (150)")
        ->check(CLI::Range(0, 86400));
    app.add_option_function<unsigned>(
           "--shutdown", [&command](unsigned seconds) { command.cluster.shutdown = std::chrono::seconds{seconds}; },
           "seconds that switching a host off takes (60)")
        ->check(CLI::Range(0, 86400));
    app.add_option("--policy", arguments.policy_file, "policy file to test");
    app.add_flag("--json", command.json, "one JSON object");
}

int fail(const std::string& text) {
    std::cerr << "ballast-sim: " << text << "\n";
    return 1;
}

int run_planetlab(Arguments& arguments, const std::optional<policy::Options>& policy) {
    auto& command = arguments.planetlab;
    command.honest = arguments.rules == "honest";
    if (policy) command.options.cooldown_s = std::chrono::duration<double>(policy->cooldown.vm).count();
    if (const auto peer = peer_from(arguments.peer))
        command.peer = {*peer, arguments.parameter, arguments.release == "3.0.0" ? Release::v3_0_0 : Release::v3_0_3};
    const auto done = run(command, std::cout);
    return done ? 0 : fail(to_string(done.error()));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Runs policies on simulated clusters and virtual time."};
    app.require_subcommand(1);
    Arguments arguments;
    auto* planetlab = app.add_subcommand("planetlab", "consolidation over a day of the CoMon/PlanetLab traces");
    auto* synthetic = app.add_subcommand("synthetic", "stability of the daemon's policy on a made-up cluster");
    add_planetlab(*planetlab, arguments);
    add_synthetic(*synthetic, arguments);
    CLI11_PARSE(app, argc, argv);
    std::optional<policy::Options> policy;
    if (!arguments.policy_file.empty()) {
        const auto loaded = config::load_policy_files({arguments.policy_file});
        if (!loaded) return fail(to_string(loaded.problems()));
        policy = *loaded;
    }
    if (*planetlab) return run_planetlab(arguments, policy);
    arguments.synthetic.policy = policy.value_or(policy::Options{});
    run(arguments.synthetic, std::cout);
    return 0;
}
