#include "interchange/anonymise.h"

#include <algorithm>
#include <cstdio>

namespace ballast::interchange {

namespace {

// One kind of names: first all are gathered, then each is its rank. Order and equality stay what they are.
class Names {
public:
    explicit Names(const char* prefix) : prefix_(prefix) {}
    void add(const std::string& name) { ranks_[name]; }
    template <class Range>
    void add_all(const Range& names) {
        for (const std::string& name : names) add(name);
    }
    std::string of(const std::string& name) {
        if (!numbered_) {
            unsigned rank = 0;
            for (auto& [known, number] : ranks_) number = ++rank;
            numbered_ = true;
        }
        const auto found = ranks_.find(name);
        char text[32];
        std::snprintf(text, sizeof text, "%s%06u", prefix_, found == ranks_.end() ? 0 : found->second);
        return text;
    }
    std::set<std::string> of(const std::set<std::string>& names) {
        std::set<std::string> out;
        for (const std::string& name : names) out.insert(of(name));
        return out;
    }

private:
    const char* prefix_;
    std::map<std::string, unsigned> ranks_;
    bool numbered_ = false;
};

std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        parts.push_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

class Anonymiser {
public:
    explicit Anonymiser(Record& record) : record_(record) { gather(); }

    void run() {
        Inventory& inventory = record_.inventory;
        const std::vector<policy::Rule> rules = std::move(record_.options.rules);
        record_.options.rules.clear();
        for (const policy::Rule& rule : rules) add_rule(rule);
        rename_keys(inventory.hosts, hosts_, [&](Host& host) { rename(host); });
        rename_keys(inventory.vms, vms_, [&](Vm& vm) { rename(vm); });
        for (InFlight& move : inventory.in_flight) {
            rename(move.vm), rename(move.from), rename(move.to);
            move.operation.value = operations_.of(move.operation.value);
        }
        for (PastMove& move : inventory.past_moves) rename(move.vm), rename(move.from), rename(move.to);
        for (Home& home : inventory.homes) rename(home.vm), rename(home.host);
        for (HostId& host : record_.options.consolidation.never_off) rename(host);
        for (policy::OpenTimes& window : record_.options.consolidation.windows) window.name = "(left out)";
        for (policy::CheckAction& check : record_.options.health.checks) check.name = subjects_.of(check.name);
        if (!record_.memory) return;
        rename_keys(record_.memory->hosts, hosts_, [](auto&) {});
        rename_keys(record_.memory->vms, vms_, [](auto&) {});
        rename_keys(record_.memory->seasons.vms, vms_, [](auto&) {});
    }

private:
    void gather() {
        for (const auto& [id, host] : record_.inventory.hosts) gather(host);
        for (const auto& [id, vm] : record_.inventory.vms) gather(vm);
        for (const InFlight& move : record_.inventory.in_flight) {
            vms_.add(move.vm.value), hosts_.add(move.from.value), hosts_.add(move.to.value);
            operations_.add(move.operation.value);
        }
        for (const PastMove& move : record_.inventory.past_moves)
            vms_.add(move.vm.value), hosts_.add(move.from.value), hosts_.add(move.to.value);
        for (const Home& home : record_.inventory.homes) vms_.add(home.vm.value), hosts_.add(home.host.value);
        for (const policy::Rule& rule : record_.options.rules)
            for (const HostId& host : rule.hosts) hosts_.add(host.value);
        for (const HostId& host : record_.options.consolidation.never_off) hosts_.add(host.value);
        for (const policy::CheckAction& check : record_.options.health.checks) subjects_.add(check.name);
        if (!record_.memory) return;
        for (const auto& [id, memory] : record_.memory->hosts) hosts_.add(id.value);
        for (const auto& [id, memory] : record_.memory->vms) vms_.add(id.value);
        for (const auto& [id, season] : record_.memory->seasons.vms) vms_.add(id.value);
    }
    void gather(const Host& host) {
        hosts_.add(host.id.value);
        for (const HealthProblem& problem : host.health) subjects_.add(problem.subject);
        networks_.add_all(host.facts.networks);
        bridges_.add_all(host.facts.bridges);
        for (const auto& [pool, path] : host.facts.pools) pools_.add(pool), gather_path(path);
        for (const auto& [pool, free] : host.facts.pool_free) pools_.add(pool);
        for (const std::string& path : host.facts.shared_paths) gather_path(path);
        for (const std::string& path : host.facts.stretched_paths) gather_path(path);
        sites_.add(host.site), sites_.add(host.to_site);
    }
    void gather(const Vm& vm) {
        vms_.add(vm.id.value);
        if (vm.start_after) hosts_.add(vm.start_after->value);
        groups_.add_all(vm.facts.wishes.keep_apart);
        for (const HostId& host : vm.facts.wishes.only_on) hosts_.add(host.value);
        networks_.add_all(vm.facts.requirements.networks);
        bridges_.add_all(vm.facts.requirements.bridges);
        pools_.add_all(vm.facts.requirements.pools);
        for (const std::string& file : vm.facts.requirements.files) gather_path(file);
        for (const VmDisk& disk : vm.facts.requirements.disks)
            if (is_path(disk.source)) gather_path(disk.source);
    }
    static bool is_path(const std::string& source) { return source.starts_with('/'); }
    void gather_path(const std::string& path) { folders_.add_all(parts_of(path)); }

    template <class Map, class Rename>
    void rename_keys(Map& map, Names& names, Rename rename) {
        Map renamed;
        for (auto& [key, item] : map) {
            rename(item);
            renamed.emplace(typename Map::key_type{names.of(key.value)}, std::move(item));
        }
        map = std::move(renamed);
    }

    void rename(HostId& id) { id.value = hosts_.of(id.value); }
    void rename(VmId& id) { id.value = vms_.of(id.value); }
    // Part by part: what lies below a shared folder still does.
    std::string path(const std::string& path) {
        std::string out;
        for (const std::string& part : parts_of(path))
            out += "/" + (part.empty() || part == ".." ? part : folders_.of(part));
        return out.substr(1);
    }
    std::set<std::string> paths(const std::set<std::string>& all) {
        std::set<std::string> out;
        for (const std::string& one : all) out.insert(path(one));
        return out;
    }

    void rename(Host& host) {
        rename(host.id);
        host.problem = host.problem.empty() ? "" : "(left out)";
        for (HealthProblem& problem : host.health) {
            problem.subject = subjects_.of(problem.subject);
            problem.text = "(left out)";
        }
        HostFacts& facts = host.facts;
        facts.uuid.clear();
        facts.hostname = host.id.value;
        facts.networks = networks_.of(facts.networks);
        facts.bridges = bridges_.of(facts.bridges);
        std::map<std::string, std::string> pools;
        for (const auto& [pool, target] : facts.pools) pools[pools_.of(pool)] = path(target);
        facts.pools = std::move(pools);
        std::map<std::string, Bytes> free;
        for (const auto& [pool, bytes] : facts.pool_free) free[pools_.of(pool)] = bytes;
        facts.pool_free = std::move(free);
        facts.shared_paths = paths(facts.shared_paths);
        facts.stretched_paths = paths(facts.stretched_paths);
        rename_site(host.site), rename_site(host.to_site);
    }
    // One without a name is one like the others.
    void rename_site(std::string& site) {
        if (!site.empty()) site = sites_.of(site);
    }
    void rename(Vm& vm) {
        rename(vm.id), rename(vm.host);
        if (vm.start_after) rename(*vm.start_after);
        VmFacts& facts = vm.facts;
        facts.name = facts.name.empty() ? "" : vm.id.value;
        for (Blocker& blocker : facts.blockers) blocker.detail.clear();
        facts.wishes.problem = facts.wishes.problem.empty() ? "" : "(left out)";
        for (std::string& group : facts.wishes.keep_apart) group = groups_.of(group);
        for (HostId& host : facts.wishes.only_on) rename(host);
        VmRequirements& needs = facts.requirements;
        needs.networks = networks_.of(needs.networks);
        needs.bridges = bridges_.of(needs.bridges);
        needs.pools = pools_.of(needs.pools);
        needs.files = paths(needs.files);
        for (VmDisk& disk : needs.disks) disk.source = is_path(disk.source) ? path(disk.source) : "(left out)";
    }

    // Patterns would match nothing any more: each rule names its VMs.
    void add_rule(const policy::Rule& rule) {
        policy::Rule out;
        out.kind = rule.kind;
        char name[32];
        std::snprintf(name, sizeof name, "rule-%06zu", record_.options.rules.size() + 1);
        out.name = name;
        for (const auto& [id, vm] : record_.inventory.vms)
            if (std::any_of(rule.vms.begin(), rule.vms.end(),
                            [&, &vm_id = id, &vm_name = vm.facts.name](const std::string& pattern) {
                                return policy::matches(pattern, vm_name, vm_id);
                            }))
                out.vms.push_back(vms_.of(id.value));
        for (HostId host : rule.hosts) {
            rename(host);
            out.hosts.push_back(host);
        }
        record_.options.rules.push_back(std::move(out));
    }

    Record& record_;
    Names hosts_{"host-"}, vms_{"vm-"}, networks_{"net-"}, bridges_{"br-"}, pools_{"pool-"}, folders_{"p"},
        groups_{"group-"}, operations_{"op-"}, subjects_{"subject-"}, sites_{"site-"};
};

}  // namespace

Record anonymised(Record record) {
    Anonymiser(record).run();
    record.plan.reset();
    if (record.memory) record.plan = policy::plan(record.inventory, *record.memory, record.options, record.now);
    return record;
}

}  // namespace ballast::interchange
