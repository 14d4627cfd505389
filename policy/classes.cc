// A class is a text: everything the static checks read of a VM or of a host, each part led by its length. Of hosts
// only what some VM asks for goes in, so that hosts which differ in what nobody needs are one class; of the files of a
// VM, only which shared folders they lie in.
#include "policy/classes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "policy/constraints/constraint.h"

namespace ballast::policy {

namespace {

using Names = std::set<std::string>;
using Folders = std::set<std::string>;

class Key {
public:
    Key& add(std::string_view part) {
        text_ += std::to_string(part.size());
        text_ += ':';
        text_ += part;
        return *this;
    }
    Key& add(std::uint64_t number) { return add(std::to_string(number)); }
    template <class Range>
    Key& add_all(const Range& parts) {
        for (const auto& part : parts) add(part);
        return end();
    }
    Key& end() {  // of a list, so that its last parts are not taken for those of the next
        text_ += ';';
        return *this;
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

std::string trimmed(std::string folder) {
    while (!folder.empty() && folder.back() == '/') folder.pop_back();
    return folder;
}

// The parts of a host that any VM asks for.
struct Wanted {
    std::map<std::string, Names> machines, models, features;  // by type of virtualisation
    Names virt_types, networks, bridges, pools;
    std::set<unsigned> cpus, cells;
    std::set<Bytes> pages;
    bool own_cpu = false;                     // somebody sees its host's CPU as it is
    bool pinned = false;                      // somebody has CPUs or cells pinned
    Folders folders;                          // shared on any host
    std::vector<std::set<HostId>> host_sets;  // what rules and wishes that name hosts come down to
};

// Folders on the way to a file that are shared somewhere. A path that leads out of folders is in none [storage.cc].
std::vector<std::string> folders_of(const std::string& file, const Folders& shared) {
    std::vector<std::string> found;
    if (file.find("/../") != std::string::npos) return found;
    for (auto slash = file.find('/'); slash != std::string::npos; slash = file.find('/', slash + 1))
        if (const auto folder = shared.find(file.substr(0, slash)); folder != shared.end()) found.push_back(*folder);
    return found;
}

class Builder {
public:
    explicit Builder(const Context& context) : context_(context), inventory_(context.inventory) {
        collect_folders();
        collect_host_sets();
    }

    Classes build() {
        Classes classes;
        std::map<std::string, std::uint32_t> known;
        std::vector<const Host*> host_of;
        std::vector<const Vm*> vm_of;
        for (const auto& [id, vm] : inventory_.vms) classes.of_vm.push_back(class_of(key_of(vm), known, vm_of, vm));
        for (const Vm* vm : vm_of) collect(*vm);  // one of each class asks for all that the class asks for
        known.clear();
        for (const auto& [id, host] : inventory_.hosts)
            classes.of_host.push_back(class_of(key_of(host), known, host_of, host));
        classes.host_classes = static_cast<std::uint32_t>(host_of.size());
        classes.vm_classes = static_cast<std::uint32_t>(vm_of.size());
        classes.allowed.reserve(host_of.size() * vm_of.size());
        for (const Vm* vm : vm_of)
            for (const Host* host : host_of)
                classes.allowed.push_back(statically_accepts(context_, *vm, *host) ? 1 : 0);
        return classes;
    }

private:
    template <class T>
    static std::uint32_t class_of(std::string key, std::map<std::string, std::uint32_t>& known,
                                  std::vector<const T*>& first, const T& member) {
        const auto [at, added] = known.emplace(std::move(key), static_cast<std::uint32_t>(first.size()));
        if (added) first.push_back(&member);
        return at->second;
    }

    void collect_folders() {
        for (const auto& [id, host] : inventory_.hosts)
            for (const std::string& path : host.facts.shared_paths) wanted_.folders.insert(trimmed(path));
    }

    // Only what some VM has to heed makes a host different from others. A set of hosts becomes a number.
    void collect_host_sets() {
        for (const auto& [id, vm] : inventory_.vms) {
            for (const std::uint32_t rule : context_.book.of_vm.at(id).only_on) {
                if (set_of_rule_.contains(rule)) continue;
                const auto& hosts = context_.book.rules[rule].hosts;
                set_of_rule_[rule] = number_of({hosts.begin(), hosts.end()});
            }
            if (const auto& wish = vm.facts.wishes.only_on; !wish.empty()) number_of({wish.begin(), wish.end()});
        }
        for (std::uint32_t i = 0; i < wanted_.host_sets.size(); ++i)
            for (const HostId& host : wanted_.host_sets[i]) sets_with_[host].push_back(i);
    }

    std::uint32_t number_of(const std::set<HostId>& hosts) {
        const auto [at, added] = numbers_.emplace(hosts, static_cast<std::uint32_t>(wanted_.host_sets.size()));
        if (added) wanted_.host_sets.push_back(hosts);
        return at->second;
    }

    void collect(const Vm& vm) {
        const VmRequirements& needs = vm.facts.requirements;
        wanted_.virt_types.insert(needs.virt_type);
        wanted_.machines[needs.virt_type].insert(needs.machine);
        wanted_.models[needs.virt_type].insert(needs.cpu.model);
        wanted_.features[needs.virt_type].insert(needs.cpu.required.begin(), needs.cpu.required.end());
        wanted_.networks.insert(needs.networks.begin(), needs.networks.end());
        wanted_.bridges.insert(needs.bridges.begin(), needs.bridges.end());
        wanted_.pools.insert(needs.pools.begin(), needs.pools.end());
        wanted_.cpus.insert(needs.pinned_cpus.begin(), needs.pinned_cpus.end());
        wanted_.cells.insert(needs.strict_cells.begin(), needs.strict_cells.end());
        for (const auto& [page, amount] : needs.huge_pages) wanted_.pages.insert(page);
        wanted_.own_cpu = wanted_.own_cpu || needs.cpu.mode != CpuRequirement::Mode::custom;
        wanted_.pinned = wanted_.pinned || !needs.pinned_cpus.empty() || !needs.strict_cells.empty();
    }

    // What same_cpu() compares: the host model of the VM's own host.
    std::string own_cpu_of(const Vm& vm) const {
        const auto host = inventory_.hosts.find(vm.host);
        if (host == inventory_.hosts.end()) return "?";
        const auto& offers = host->second.facts.cpu_by_virt_type;
        const auto offer = offers.find(vm.facts.requirements.virt_type);
        return offer == offers.end() ? "?" : offer->second.host_model;
    }

    std::string key_of(const Vm& vm) const {
        const VmRequirements& needs = vm.facts.requirements;
        Key key;
        key.add(needs.virt_type).add(needs.arch).add(needs.machine).add(needs.cpu.model);
        key.add(static_cast<std::uint64_t>(needs.cpu.mode)).add_all(needs.cpu.required);
        if (needs.cpu.mode != CpuRequirement::Mode::custom) key.add(own_cpu_of(vm));
        key.end().add_all(needs.networks).add_all(needs.bridges).add_all(needs.pools);
        std::set<std::vector<std::string>> places;  // files in the same folders are the same to everybody
        for (const std::string& file : needs.files) places.insert(folders_of(file, wanted_.folders));
        for (const auto& folders : places) key.add_all(folders);
        key.end().add_all(needs.pinned_cpus).add_all(needs.strict_cells);
        // Only strict cells are compared with the memory of a VM.
        if (!needs.strict_cells.empty()) key.add(vm.facts.memory.count);
        for (const auto& [page, amount] : needs.huge_pages) key.add(page.count).add(amount.count);
        add_host_sets(vm, key.end());
        return key.text();
    }

    void add_host_sets(const Vm& vm, Key& key) const {
        std::set<std::pair<bool, std::uint32_t>> sets;
        for (const std::uint32_t rule : context_.book.of_vm.at(vm.id).only_on)
            sets.emplace(context_.book.rules[rule].kind == Rule::Kind::avoid, set_of_rule_.at(rule));
        const auto& wish = vm.facts.wishes.only_on;
        if (!wish.empty()) sets.emplace(false, numbers_.at({wish.begin(), wish.end()}));
        for (const auto& [avoided, number] : sets) key.add(avoided ? "-" : "+").add(number);
    }

    std::string key_of(const Host& host) const {
        Key key;
        key.add(host.facts.arch);
        for (const std::string& type : wanted_.virt_types)
            if (const auto offer = host.facts.cpu_by_virt_type.find(type); offer != host.facts.cpu_by_virt_type.end())
                add_cpu(type, offer->second, key.add(type));
        key.end();
        add_common(wanted_.networks, host.facts.networks, key);
        add_common(wanted_.bridges, host.facts.bridges, key);
        for (const std::string& pool : wanted_.pools)
            if (host.facts.pools.contains(pool)) key.add(pool);
        key.end();
        Folders folders;
        for (const std::string& path : host.facts.shared_paths) folders.insert(trimmed(path));
        key.add_all(folders);
        add_cells(host, key);
        add_pages(host, key);
        if (const auto sets = sets_with_.find(host.id); sets != sets_with_.end()) key.add_all(sets->second);
        return key.text();
    }

    void add_cpu(const std::string& type, const CpuSupport& offer, Key& key) const {
        if (wanted_.own_cpu) key.add(offer.host_model);
        key.end();
        add_common(wanted_.machines.at(type), offer.machines, key);
        add_common(wanted_.models.at(type), offer.models, key);
        key.add(offer.features.empty() ? "?" : "");  // not known is not the same as none of those wanted
        add_common(wanted_.features.at(type), offer.features, key);
    }

    static void add_common(const Names& wanted, const Names& offered, Key& key) {
        for (const std::string& name : wanted)
            if (offered.contains(name)) key.add(name);
        key.end();
    }

    void add_cells(const Host& host, Key& key) const {
        if (wanted_.pinned) key.add(host.facts.cells.empty() ? "?" : "");
        for (const unsigned cpu : wanted_.cpus)
            if (std::any_of(host.facts.cells.begin(), host.facts.cells.end(),
                            [cpu](const auto& cell) { return cell.second.cpus.contains(cpu); }))
                key.add(cpu);
        key.end();
        for (const unsigned cell : wanted_.cells)
            if (const auto found = host.facts.cells.find(cell); found != host.facts.cells.end())
                key.add(cell).add(found->second.memory.count);
        key.end();
    }

    void add_pages(const Host& host, Key& key) const {
        if (!wanted_.pages.empty())
            for (const auto& [page, pool] : huge_pages_of(host)) key.add(page.count).add(pool.total.count);
        key.end();
    }

    const Context& context_;
    const Inventory& inventory_;
    Wanted wanted_;
    std::map<std::set<HostId>, std::uint32_t> numbers_;   // of wanted_.host_sets
    std::map<std::uint32_t, std::uint32_t> set_of_rule_;  // by position in the rule book
    std::map<HostId, std::vector<std::uint32_t>> sets_with_;
};

}  // namespace

Classes classes_of(const Context& context) {
    return Builder(context).build();
}

}  // namespace ballast::policy
