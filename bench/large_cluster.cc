#include "bench/large_cluster.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/solver/dice.h"

namespace ballast::bench {

namespace {

using policy::Rule;
using policy::solver::Dice;
using namespace std::chrono_literals;

constexpr std::size_t vms_per_host = 20;
constexpr std::size_t hosts_per_rack = 20, racks_per_site = 10;
constexpr std::size_t hosts_per_rule = 20;  // one rule of each kind for so many hosts
constexpr const char* cpu_models[] = {"Skylake-Server", "Cascadelake-Server", "Icelake-Server", "EPYC-Rome"};
constexpr const char* networks[] = {"front", "back", "storage", "dmz", "backup"};
constexpr const char* pools[] = {"fast", "bulk", "archive"};

std::string numbered(const char* format, std::size_t number) {
    char text[64];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

// In the order of a real cluster: none.
std::string uuid(Dice& dice) {
    const std::uint64_t a = dice.next(), b = dice.next();
    char text[40];
    std::snprintf(text, sizeof text, "%08x-%04x-4%03x-a%03x-%012llx", static_cast<unsigned>(a >> 32),
                  static_cast<unsigned>(a >> 16 & 0xffff), static_cast<unsigned>(a & 0xfff),
                  static_cast<unsigned>(b >> 52), static_cast<unsigned long long>(b & 0xffffffffffff));
    return text;
}

std::string vm_name(std::size_t number) {
    static const char* const roles[] = {"web-%06zu", "db-%06zu", "batch-%06zu", "app-%06zu"};
    return numbered(roles[number % 4], number);
}

class Builder {
public:
    Builder(std::size_t hosts, std::uint64_t seed, Trouble trouble)
        : count_(hosts), dice_(seed), trouble_(trouble), free_(hosts), members_(hosts), numbers_(hosts) {}

    LargeCluster build() {
        cluster_.now = Instant{} + 240h;
        cluster_.inventory.wall_time = WallTime{std::chrono::hours{490'000}};
        set_options();
        for (std::size_t i = 0; i < count_; ++i) add_host(i);
        for (std::size_t i = 0; i < count_ * vms_per_host; ++i) add_vm(i);
        for (std::size_t i = 0; i < count_; ++i) load_host(i);
        add_rules();
        add_past_moves();
        cluster_.memory.imbalance.set = true;
        return std::move(cluster_);
    }

private:
    std::string host_name(std::size_t i) const { return numbered("host%05zu", i); }
    Host& host(std::size_t i) { return cluster_.inventory.hosts.at({host_name(i)}); }

    void set_options() {
        policy::Options& options = cluster_.options;
        options.migration.assumed_link_mib_per_s = 1100;  // 10 Gbit/s
        const auto tenth = static_cast<unsigned>(std::max<std::size_t>(count_ / 10, 4));
        options.overload.max_moves_per_cycle = options.balance.max_moves_per_cycle = tenth;
        options.limits.cluster = tenth;
        options.overcommit.cpu = 6;
        options.overcommit.memory = 1.2;
        options.admission = {1, true};
        options.groups = {{"databases", {"db-*"}, {}}, {"large", {}, {}}};
    }

    CpuSupport cpu_of(std::size_t model) const {
        CpuSupport cpu;
        for (std::size_t i = 0; i <= std::min<std::size_t>(model, 2); ++i) cpu.models.insert(cpu_models[i]);
        if (model == 3) cpu.models = {cpu_models[3]};
        for (std::size_t i = 0; i < 40 + 5 * model; ++i) cpu.features.insert(numbered("feature-%02zu", i));
        cpu.host_model = std::string("vendor ") + cpu_models[model];
        cpu.machines = {"pc-q35-7.2", "pc-i440fx-7.2", "q35", "pc"};
        return cpu;
    }

    void add_cells(Host& made, bool large) {
        for (unsigned cell = 0; cell < 2; ++cell) {
            NumaCell& numa = made.facts.cells[cell];
            for (unsigned cpu = 0; cpu < (large ? 64u : 32u); ++cpu) numa.cpus.insert(cell * (large ? 64 : 32) + cpu);
            numa.memory = made.facts.memory_total;
            numa.memory.count /= 2;
            if (cell == 0 && dice_.chance(0.2)) numa.huge_pages[mib(2)] = 16 * 1024;
        }
    }

    void add_host(std::size_t i) {
        const bool large = dice_.chance(0.3);
        Host made;
        made.id = {host_name(i)};
        made.facts.hostname = made.id.value;
        made.facts.cpus = large ? 128 : 64;
        made.facts.memory_total = gib(large ? 1024 : 512);
        made.facts.arch = "x86_64";
        made.facts.cpu_by_virt_type["kvm"] = cpu_of(dice_.below(4));
        for (const char* network : networks)
            if (dice_.chance(0.8) || network == networks[0]) made.facts.networks.insert(network);
        made.facts.bridges = {"br0"};
        for (const char* pool : pools)
            if (dice_.chance(0.9) || pool == pools[0]) made.facts.pools[pool] = std::string("/srv/") + pool;
        for (const auto& [pool, path] : made.facts.pools) made.facts.shared_paths.insert(path);
        add_cells(made, large);
        made.facts_revision = i + 1;
        made.connection = Connection::up;
        made.stale = false;
        made.sampled_at = cluster_.now;
        made.accepts_vms = !dice_.chance(0.01);
        made.labels = {{"rack", numbered("r%04zu", i / hosts_per_rack)},
                       {"site", numbered("s%02zu", i / hosts_per_rack / racks_per_site)}};
        if (large) cluster_.options.groups[1].hosts.push_back(made.id);
        free_[i] = 0.8 * made.facts.memory_total.gib();
        for (int lot = 2 + static_cast<int>(dice_.below(9)); lot > 0; --lot) lots_.push_back(i);
        cluster_.inventory.hosts.emplace(made.id, std::move(made));
    }

    void add_needs(Vm& vm, std::size_t i, const Host& on) {
        VmRequirements& needs = vm.facts.requirements;
        needs.virt_type = "kvm";
        needs.arch = "x86_64";
        needs.machine = "pc-q35-7.2";
        const auto& models = on.facts.cpu_by_virt_type.at("kvm").models;
        needs.cpu.model = *models.begin();
        for (std::size_t f = 0; f < 8; ++f) needs.cpu.required.insert(numbered("feature-%02zu", f * 5));
        if (dice_.chance(0.05)) needs.cpu = {CpuRequirement::Mode::host_passthrough, "", {}};
        needs.networks = {networks[0]};
        if (dice_.chance(0.2)) needs.networks.insert(*on.facts.networks.begin());
        needs.bridges = {"br0"};
        const std::string pool = dice_.chance(0.7) ? pools[0] : on.facts.pools.begin()->first;
        needs.pools = {pool};
        needs.files = {"/srv/" + pool + "/" + vm.facts.name + ".qcow2"};
        if (i % 50 == 7 && !on.facts.cells.at(0).huge_pages.empty()) needs.huge_pages[mib(2)] = vm.facts.memory;
        if (dice_.chance(0.02)) needs.pinned_cpus = {2, 3};
        if (dice_.chance(0.02)) needs.strict_cells = {0};
    }

    void add_wishes(Vm& vm, std::size_t i, std::size_t at) {
        VmWishes& wishes = vm.facts.wishes;
        if (i % 40 == 0 || (i % 40 == 1 && home_.back() != at)) wishes.keep_apart = {numbered("pair-%zu", i / 40)};
        if (dice_.chance(0.05)) wishes.reserved_cpus = 0.5 * vm.facts.vcpus;
        if (dice_.chance(0.05)) wishes.reserved_memory = vm.facts.memory;
        if (dice_.chance(0.02)) wishes.no_migrate = true;
        if (dice_.chance(0.1)) wishes.priority = static_cast<int>(dice_.below(20)) - 10;
        if (dice_.chance(0.01)) vm.facts.blockers = {{Reason::host_device, "PCI device 0000:3b:00.0"}};
    }

    std::size_t place_for(double size) {
        for (int tries = 0; tries < 200; ++tries)
            if (const std::size_t at = lots_[dice_.below(lots_.size())]; free_[at] >= size) return at;
        return static_cast<std::size_t>(std::max_element(free_.begin(), free_.end()) - free_.begin());
    }

    void add_vm(std::size_t i) {
        Vm vm;
        vm.id = {uuid(dice_)};
        vm.state = VmState::running;
        vm.facts_known = true;
        vm.facts_revision = count_ + i + 1;
        vm.facts.name = vm_name(i);
        vm.facts.vcpus = 1u << dice_.below(4);
        vm.facts.memory = gib(2u << dice_.below(5));
        vm.facts.persistent = true;
        const std::size_t at = place_for(vm.facts.memory.gib());
        const Host& on = host(at);
        free_[at] -= vm.facts.memory.gib();
        vm.host = on.id;
        vm.load.memory_rss = scaled(vm.facts.memory, 0.3 + 0.7 * dice_.unit());
        vm.load.ready_ratio = 0.01 * dice_.unit();
        if (dice_.chance(0.3)) vm.load.dirty_rate_mib_per_s = 40 * dice_.unit();
        vm.load.cpu_used_cores = vm.facts.vcpus * dice_.unit() * dice_.unit();
        add_needs(vm, i, on);
        add_wishes(vm, i, at);
        members_[at].push_back(vm.id);
        numbers_[at].push_back(i);
        home_.push_back(at);
        cluster_.inventory.vms.emplace(vm.id, std::move(vm));
    }

    // VMs are busy by as much as makes their host so full.
    void load_host(std::size_t i) {
        Host& loaded = host(i);
        const double usable = policy::usable_cpus(loaded, cluster_.options);
        const bool hot = trouble_ == Trouble::overload && i % 100 == 50;
        const double wanted = usable * (hot ? 0.93 + 0.05 * dice_.unit() : 0.1 + 0.6 * dice_.unit());
        double sum = 0, memory = 0.01 * static_cast<double>(loaded.facts.memory_total.count);
        for (const VmId& id : members_[i]) sum += *cluster_.inventory.vms.at(id).load.cpu_used_cores;
        policy::HostMemory& seen = cluster_.memory.hosts[loaded.id];
        for (const VmId& id : members_[i]) {
            Vm& vm = cluster_.inventory.vms.at(id);
            const double demand = std::min<double>(vm.facts.vcpus, *vm.load.cpu_used_cores * wanted / sum);
            vm.load.cpu_used_cores = demand;
            policy::VmMemory& guest = cluster_.memory.vms[id];
            guest.cpu_demand_cores = demand;
            guest.last_sample = cluster_.now;
            guest.dirty_known = vm.load.dirty_rate_mib_per_s.has_value();
            guest.dirty_mib_per_s = vm.load.dirty_rate_mib_per_s.value_or(0);
            seen.cpu_demand_cores += demand;
            memory += static_cast<double>(policy::memory_resident(vm).count);
        }
        seen.other_cpu_cores = std::max(0.0, hot ? wanted - seen.cpu_demand_cores : 0.2);
        seen.cpu_demand_cores += seen.other_cpu_cores;
        seen.other_known = seen.cpu_known = true;
        seen.last_sample = cluster_.now;
        seen.cpu.set = hot;
        if (hot) seen.cpu.above_since = cluster_.now - 15min;
        loaded.load.cpu_used_cores = seen.cpu_demand_cores;
        loaded.load.memory_available = loaded.facts.memory_total - Bytes{static_cast<std::uint64_t>(memory)};
        for (const auto& [page, pages] : loaded.facts.cells.at(0).huge_pages) loaded.load.free_huge_pages[page] = pages;
    }

    using Numbers = std::vector<std::size_t>;

    static std::vector<std::string> names_of(const Numbers& vms) {
        std::vector<std::string> names;
        for (const std::size_t vm : vms) names.push_back(vm_name(vm));
        return names;
    }
    Numbers some_vms(std::size_t least, std::size_t range) {
        Numbers vms;
        for (std::size_t n = least + dice_.below(range); n > 0; --n) vms.push_back(dice_.below(home_.size()));
        return vms;
    }
    // Rules hold from the beginning, as in a cluster that somebody looks after: one VM of each so many hosts in a row.
    Numbers one_in(std::size_t hosts, Numbers vms) const {
        std::set<std::size_t> taken;
        std::erase_if(vms, [&](std::size_t vm) { return !taken.insert(home_[vm] / hosts).second; });
        return vms;
    }
    // Up to so many VMs of the first host from `at` on that holds any.
    Numbers neighbours(std::size_t at, std::size_t most) const {
        while (members_[at % count_].empty()) ++at;
        Numbers vms = numbers_[at % count_];
        vms.resize(std::min(vms.size(), most));
        return vms;
    }
    std::vector<HostId> others_than(std::vector<HostId> hosts, const Numbers& vms) const {
        for (const std::size_t vm : vms) std::erase(hosts, HostId{host_name(home_[vm])});
        return hosts;
    }

    std::vector<HostId> some_hosts(std::size_t number) {
        const std::size_t first = dice_.below(count_);
        std::vector<HostId> names;
        for (std::size_t i = 0; i < number; ++i) names.push_back({host_name((first + i) % count_)});
        return names;
    }

    void add_rule(Rule::Kind kind, const Numbers& vms, std::vector<HostId> hosts, bool hard) {
        Rule rule{kind, numbered("r%05zu", cluster_.options.rules.size()), names_of(vms), std::move(hosts), ""};
        rule.hard = hard;
        if (kind == Rule::Kind::spread) rule.over = "rack", rule.at_most = 1;
        cluster_.options.rules.push_back(std::move(rule));
    }

    void add_rules() {
        for (std::size_t i = 0; i < std::max<std::size_t>(count_ / hosts_per_rule, 2); ++i) {
            add_rule(Rule::Kind::keep_apart, one_in(1, some_vms(2, 4)), {}, i % 4 != 0);
            add_rule(Rule::Kind::spread, one_in(hosts_per_rack, some_vms(3, 3)), {}, i % 2 != 0);
            add_rule(Rule::Kind::keep_together, neighbours(dice_.below(count_), 2), {}, i % 2 != 0);
            add_rule(Rule::Kind::prefer, some_vms(1, 3), some_hosts(4), false);
            const Numbers avoiding = some_vms(1, 3);
            add_rule(Rule::Kind::avoid, avoiding, others_than(some_hosts(4), avoiding), i % 2 != 0);
            add_rule(Rule::Kind::never_move, some_vms(1, 2), {}, true);
            // Pins by racks, as licences are bought: sets of hosts come again and again.
            std::vector<HostId> rack;
            const std::size_t first = i % 8 * hosts_per_rack;
            for (std::size_t h = 0; h < hosts_per_rack * 2; ++h) rack.push_back({host_name((first + h) % count_)});
            add_rule(Rule::Kind::pin, neighbours(first + dice_.below(hosts_per_rack), 1 + i % 2), std::move(rack),
                     true);
        }
        add_rule(Rule::Kind::prefer, {}, {{"group:large"}}, false);
        cluster_.options.rules.back().vms = {"group:databases"};
        for (const bool allow : {true, false}) {
            policy::Window window;
            window.name = allow ? "nights" : "backups";
            window.vms = {allow ? "batch-00001*" : "app-00002*"};
            (allow ? window.allow : window.deny) = {{0, 6, 22 * 60, 6 * 60}};
            window.zone.offsets = {{std::chrono::sys_seconds{}, std::chrono::hours{1}}};
            cluster_.options.windows.push_back(std::move(window));
        }
    }

    // One VM in two hundred moved in the last hours; as many as the daemon remembers.
    void add_past_moves() {
        std::size_t number = 0;
        for (const auto& [id, vm] : cluster_.inventory.vms) {
            if (++number % 200 != 0 || cluster_.inventory.past_moves.size() >= 2000) continue;
            const HostId from{host_name(dice_.below(count_))};
            const Instant ended = cluster_.now - std::chrono::minutes{5 + dice_.below(200)};
            if (from != vm.host) cluster_.inventory.past_moves.push_back({id, from, vm.host, ended});
        }
        std::stable_sort(cluster_.inventory.past_moves.begin(), cluster_.inventory.past_moves.end(),
                         [](const PastMove& a, const PastMove& b) { return a.ended < b.ended; });
    }

    std::size_t count_;
    Dice dice_;
    Trouble trouble_;
    LargeCluster cluster_;
    std::vector<std::size_t> lots_;  // hosts, some more often than others: they are fuller
    std::vector<double> free_;       // GiB of each host
    std::vector<std::vector<VmId>> members_;
    std::vector<std::vector<std::size_t>> numbers_;  // the same VMs by number
    std::vector<std::size_t> home_;                  // host of each VM
};

}  // namespace

LargeCluster large_cluster(std::size_t hosts, std::uint64_t seed, Trouble trouble) {
    return Builder(hosts, seed, trouble).build();
}

}  // namespace ballast::bench
