// The packing solvers on random instances; one JSON line each.
//   bench_packing evacuation COUNT DIR [FIRST]  also writes DIR/NUMBER.lp, the same question for an exact solver
//   bench_packing consolidation COUNT HOSTS RESERVE [FIRST]    RESERVE 1: N+1
// Times are CPU seconds of this process.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <tuple>

#include "bench/packing_instances.h"
#include "policy/solver/consolidate.h"
#include "policy/solver/ordered_evacuation.h"

namespace {

using namespace ballast::bench;
using namespace ballast::policy::solver;

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// VMs that are the same to a solver.
struct Kind {
    const VmSlot* vm;
    unsigned number = 0, wanted = 0;
};

std::vector<Kind> kinds_of(const Problem& problem, unsigned emptied) {
    using Key = std::tuple<Amounts, std::uint32_t, std::vector<std::uint32_t>>;
    std::map<Key, Kind> kinds;
    for (const VmSlot& vm : problem.vms) {
        if (!vm.movable) continue;
        Kind& kind = kinds.try_emplace({vm.demand, vm.vm_class, vm.groups}, Kind{&vm}).first->second;
        ++kind.number;
        kind.wanted += vm.home < emptied ? 1 : 0;
    }
    std::vector<Kind> result;
    for (const auto& [key, kind] : kinds) result.push_back(kind);
    return result;
}

// How many of each kind on each host, with as few left behind as possible: the same freedom that we have, namely to
// move everybody who can be moved, and without any question of order.
void write_lp(const Evacuation& made, const std::string& path) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (out == nullptr) std::exit(1);
    const Problem& problem = made.problem;
    const auto emptied = static_cast<unsigned>(made.emptied.size());
    const std::vector<Kind> kinds = kinds_of(problem, emptied);
    const auto hosts = static_cast<HostIndex>(problem.hosts.size());
    const auto allowed = [&](const Kind& kind, HostIndex h) { return problem.may_run(*kind.vm, problem.hosts[h]); };
    std::fprintf(out, "Minimize\n obj:");
    for (std::size_t k = 0; k < kinds.size(); ++k) std::fprintf(out, " + l%zu%s", k, k % 20 == 19 ? "\n" : "");
    std::fprintf(out, "\nSubject To\n");
    for (std::size_t k = 0; k < kinds.size(); ++k) {
        std::fprintf(out, " all%zu: l%zu", k, k);
        for (HostIndex h = emptied; h < hosts; ++h)
            if (allowed(kinds[k], h)) std::fprintf(out, " + x%zu_%u%s", k, h, h % 20 == 19 ? "\n" : "");
        std::fprintf(out, " = %u\n", kinds[k].number);
    }
    for (HostIndex h = emptied; h < hosts; ++h) {
        for (std::size_t r = 0; r < problem.resources.size(); ++r) {
            double room = problem.hosts[h].capacity[r] * (1 + 1e-9);
            for (const VmSlot& vm : problem.vms) room -= !vm.movable && vm.home == h ? vm.demand[r] : 0;
            std::fprintf(out, " r%zu_%u:", r, h);
            for (std::size_t k = 0; k < kinds.size(); ++k)
                if (allowed(kinds[k], h))
                    std::fprintf(out, " + %.9g x%zu_%u%s", kinds[k].vm->demand[r], k, h, k % 20 == 19 ? "\n" : "");
            std::fprintf(out, " <= %.9g\n", room);
        }
        for (std::uint32_t g = 0; g < problem.groups.size(); ++g) {
            unsigned there = 0;
            std::string members;
            for (const VmSlot& vm : problem.vms)
                there += !vm.movable && vm.home == h && !vm.groups.empty() && vm.groups[0] == g ? 1 : 0;
            for (std::size_t k = 0; k < kinds.size(); ++k)
                if (!kinds[k].vm->groups.empty() && kinds[k].vm->groups[0] == g && allowed(kinds[k], h))
                    members += " + x" + std::to_string(k) + "_" + std::to_string(h);
            if (!members.empty()) std::fprintf(out, " g%u_%u:%s <= %u\n", g, h, members.c_str(), 1 - there);
        }
    }
    std::fprintf(out, "Bounds\n");
    for (std::size_t k = 0; k < kinds.size(); ++k) std::fprintf(out, " l%zu <= %u\n", k, kinds[k].wanted);
    std::fprintf(out, "Generals\n");
    for (std::size_t k = 0; k < kinds.size(); ++k) {
        std::fprintf(out, " l%zu", k);
        for (HostIndex h = emptied; h < hosts; ++h)
            if (allowed(kinds[k], h)) std::fprintf(out, " x%zu_%u%s", k, h, h % 20 == 19 ? "\n" : "");
        std::fprintf(out, "\n");
    }
    std::fprintf(out, "End\n");
    std::fclose(out);
}

void evacuations(unsigned first, unsigned count, const std::string& folder) {
    for (unsigned number = first; number < first + count; ++number) {
        const Evacuation made = evacuation(number);
        if (!folder.empty()) write_lp(made, folder + "/" + std::to_string(number) + ".lp");
        const double began = cpu_seconds();
        const OrderedEvacuation plan = evacuate_in_order(made.problem, made.emptied, {}, {});
        const double cpu = cpu_seconds() - began;
        std::size_t wanted = 0, parkings = 0;
        for (const VmSlot& vm : made.problem.vms) wanted += vm.home < made.emptied.size() ? 1 : 0;
        for (const Step& step : plan.order.steps) parkings += step.parking ? 1 : 0;
        std::printf(
            "{\"number\": %u, \"hosts\": %zu, \"vms\": %zu, \"emptied\": %zu, \"wanted\": %zu, \"pressure\": %.4f, "
            "\"unplaced\": %zu, \"left\": %zu, \"stranded\": %zu, \"displaced\": %zu, \"steps\": %zu, \"parkings\": "
            "%zu, "
            "\"waves\": %u, \"cpu_s\": %.4f}\n",
            number, made.problem.hosts.size(), made.problem.vms.size(), made.emptied.size(), wanted, made.pressure,
            plan.packing.left.size(), plan.left.size(), plan.order.stranded.size(), plan.packing.displaced,
            plan.order.steps.size(), parkings, plan.order.steps.empty() ? 0 : plan.order.steps.back().wave + 1, cpu);
        std::fflush(stdout);
    }
}

void consolidations(unsigned first, unsigned count, unsigned hosts, bool survives_one_host) {
    for (unsigned number = first; number < first + count; ++number) {
        const Problem problem = consolidation(number, hosts);
        const double began = cpu_seconds();
        ConsolidateOptions options;
        options.survives_one_host = survives_one_host;
        const Consolidation made = consolidate(problem, options);
        const double cpu = cpu_seconds() - began;
        Amounts demand{};
        for (const VmSlot& vm : problem.vms)
            for (std::size_t k = 0; k < max_resources; ++k) demand[k] += vm.demand[k];
        std::size_t needed = 0;
        for (const VmSlot& vm : problem.vms)
            needed += std::binary_search(made.off.begin(), made.off.end(), vm.home) ? 1 : 0;
        std::printf("{\"number\": %u, \"vms\": %zu, \"demand\": [%.9g, %.9g], \"capacities\": [", number,
                    problem.vms.size(), demand[0], demand[1]);
        for (HostIndex h = 0; h < hosts; ++h) std::printf("%s%g", h == 0 ? "" : ", ", problem.hosts[h].capacity[0]);
        std::printf(
            "], \"hosts_on\": %zu, \"moves\": %zu, \"moves_needed\": %zu, \"reserve_kept\": %s, \"cpu_s\": %.4f}\n",
            made.hosts_on, made.moves, needed, made.reserve_kept ? "true" : "false", cpu);
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if ((argc == 4 || argc == 5) && std::strcmp(argv[1], "evacuation") == 0) {
        const unsigned first = argc == 5 ? static_cast<unsigned>(std::atoi(argv[4])) : 0;
        evacuations(first, static_cast<unsigned>(std::atoi(argv[2])), argv[3]);
        return 0;
    }
    if ((argc == 5 || argc == 6) && std::strcmp(argv[1], "consolidation") == 0) {
        const unsigned first = argc == 6 ? static_cast<unsigned>(std::atoi(argv[5])) : 0;
        consolidations(first, static_cast<unsigned>(std::atoi(argv[2])), static_cast<unsigned>(std::atoi(argv[3])),
                       std::atoi(argv[4]) != 0);
        return 0;
    }
    std::fprintf(stderr, "usage: %s evacuation COUNT DIR [FIRST] | consolidation COUNT HOSTS RESERVE [FIRST]\n",
                 argv[0]);
    return 2;
}
