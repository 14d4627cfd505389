#include "sim/trace/commands.h"

#include <cstdio>
#include <ostream>

#include "sim/trace/bound.h"
#include "sim/trace/ours.h"
#include "sim/trace/report.h"

namespace ballast::sim::trace {
namespace {

constexpr int curve_steps = 10;

std::string name_of(const PlanetlabCommand& command) {
    if (!command.peer) return "ballast";
    const auto release = command.peer->release == Release::v3_0_0 ? "3.0.0" : "3.0.3";
    return "CloudSim " + std::string(release) + " " + to_string(command.peer->peer);
}

std::unique_ptr<Decider> decider_of(const PlanetlabCommand& command) {
    return command.peer ? make_peer(*command.peer) : make_ours(command.options);
}

void print(const Figures& figures, bool json, std::ostream& out) {
    out << (json ? as_json(figures) + "\n" : as_text(figures));
}

void print_day(const PlanetlabCommand& command, const Setting& setting, const Workload& workload, std::ostream& out) {
    const auto decider = decider_of(command);
    const auto metrics = simulate_day(setting, workload, *decider);
    Figures figures = {{"day", "day", command.day},
                       {"policy", "policy", name_of(command)},
                       {"rules", "rules", std::string(command.honest ? "honest" : "published")},
                       {"vms", "VMs", workload.vms.size()}};
    if (command.peer) {
        figures.push_back({"parameter", "parameter", parameter_of(*command.peer)});
    } else {
        figures.push_back({"aggressiveness", "aggressiveness", command.options.aggressiveness});
    }
    const auto rest = figures_of(metrics, energy_bound_kwh(setting, workload));
    figures.insert(figures.end(), rest.begin(), rest.end());
    print(figures, command.json, out);
}

std::string curve_line(double aggressiveness, const Metrics& metrics, double bound) {
    char line[160];
    std::snprintf(line, sizeof line, "%14.2f %10.2f %8.3f %11zu %10.2e %11.4f %11.4f\n", aggressiveness,
                  metrics.energy_kwh, metrics.energy_kwh / bound, metrics.migrations, metrics.esv(),
                  metrics.shortage() * 100, metrics.overload() * 100);
    return line;
}

void print_curve(const PlanetlabCommand& command, const Setting& setting, const Workload& workload, std::ostream& out) {
    const double bound = energy_bound_kwh(setting, workload);
    if (!command.json) out << "aggressiveness energy_kWh  / bound  migrations        ESV  shortage_%  overload_%\n";
    for (int step = 0; step <= curve_steps; ++step) {
        auto options = command.options;
        options.aggressiveness = static_cast<double>(step) / curve_steps;
        const auto metrics = simulate_day(setting, workload, *make_ours(options));
        if (!command.json) {
            out << curve_line(options.aggressiveness, metrics, bound);
            continue;
        }
        auto figures = figures_of(metrics, bound);
        figures.insert(figures.begin(), {"aggressiveness", "aggressiveness", options.aggressiveness});
        print(figures, true, out);
    }
}

Figures figures_of(const SyntheticOptions& options, const Stability& found) {
    return {
        {"hosts", "hosts", std::size_t{options.hosts}},
        {"vms", "VMs", std::size_t{options.vms}},
        {"days", "days", std::size_t{options.days}},
        {"seed", "seed", std::size_t{options.seed}},
        {"cycles", "planning cycles", found.cycles},
        {"moves", "moves", found.moves},
        {"moves_per_vm_and_day", "moves per VM and day", found.moves_per_vm_and_day, 4},
        {"returns_within_an_hour", "VMs sent back (A-B-A) within an hour", found.returns},
        {"moved_twice_within_cooldown", "VMs moved twice within the cooldown", found.moved_twice},
        {"overload_minutes_pct", "host minutes with more wanted than there is", found.overload * 100, 4, false, "%"},
        {"above_limit_minutes_pct", "host minutes above the policy's CPU limit", found.above_limit * 100, 4, false,
         "%"},
        {"mean_cpu_pct", "CPU wanted, mean", found.mean_cpu * 100, 1, false, "%"},
        {"overload_minutes", "minutes in which a host had less than was wanted", found.overload_minutes},
        {"overload_minutes_later", "of these after the first day", found.overload_minutes_later},
        {"braked_minutes", "minutes with the brake on moves set", found.braked_minutes},
        {"host_hours_off", "host hours off", found.host_hours_off, 1},
        {"fewest_hosts_on", "hosts on, at the fewest", found.fewest_on},
        {"switched_off", "hosts switched off", found.switched_off},
        {"wakes", "hosts switched on", found.wakes},
        {"flaps", "hosts switched off within min_time_on", found.flaps},
        {"energy_kwh", "energy", found.energy_kwh, 1, false, "kWh"},
        {"energy_all_on_kwh", "energy with all hosts on", found.energy_all_on_kwh, 1, false, "kWh"}};
}

}  // namespace

Result<void> run(const PlanetlabCommand& command, std::ostream& out) {
    const auto workload = load_workload(command.day);
    if (!workload) return workload.error();
    const auto setting = planetlab_setting(command.honest ? honest_rules() : published_rules());
    command.curve ? print_curve(command, setting, *workload, out) : print_day(command, setting, *workload, out);
    return {};
}

void run(const SyntheticCommand& command, std::ostream& out) {
    print(figures_of(command.cluster, measure_stability(command.cluster, command.policy)), command.json, out);
}

}  // namespace ballast::sim::trace
