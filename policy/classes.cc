// A class is a list of numbers, one for each part of what the static checks ask. A part is everything that they read
// for it of a VM or of a host, as a hash. Of hosts only what some VM asks for goes in, so that hosts which differ in
// what nobody needs are one class; of the files of a VM, only which shared folders they lie in.
#include "policy/classes.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "policy/constraints/constraint.h"
#include "policy/hash.h"
#include "policy/sites.h"

namespace ballast::policy {

namespace {

using Names = std::set<std::string>;
using Folders = std::set<std::string, std::less<>>;

// Each piece is led by what it is, and a text by its size, so that no two lists of pieces are the same words.
class Key {
public:
    Key& add(std::string_view part) {
        hash_.word(part.size() << 2 | text);
        hash_.words(part);
        return *this;
    }
    Key& add(std::uint64_t piece) {
        hash_.word(number);
        hash_.word(piece);
        return *this;
    }
    Key& add(const Fingerprint& part) { return add(part.high).add(part.low); }
    template <class Range>
    Key& add_all(const Range& parts) {
        for (const auto& part : parts) add(part);
        return end();
    }
    Key& end() {  // of a list, so that its last parts are not taken for those of the next
        hash_.word(end_of_list);
        return *this;
    }
    Fingerprint value() const { return hash_.value(); }
    void clear() { hash_ = {}; }

private:
    enum : std::uint64_t { text, number, end_of_list };

    WordHash hash_;
};

// Keys as numbers, in the order in which they came first, each with the first that had it.
template <class T>
class Interned {
public:
    std::uint32_t number_of(const Fingerprint& key, const T& member) {
        const auto [at, added] = known_.try_emplace(key, static_cast<std::uint32_t>(first_.size()));
        if (added) first_.push_back(&member);
        return at->second;
    }
    const std::vector<const T*>& first() const { return first_; }

private:
    std::map<Fingerprint, std::uint32_t> known_;
    std::vector<const T*> first_;
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
    bool own_cpu = false;  // somebody sees its host's CPU as it is
    bool pinned = false;   // somebody has CPUs or cells pinned
    Folders folders;       // shared on any host
    bool several_sites = false, copies_disks = false;
    std::vector<std::set<HostId>> host_sets;  // what rules and wishes that name hosts come down to
};

// Folders on the way to a file that are shared somewhere, as a key. A path that leads out of folders is in none
// [storage.cc].
Fingerprint folders_of(const std::string& file, const Folders& shared) {
    Key key;
    if (file.find("/../") != std::string::npos) return key.value();
    const std::string_view path = file;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
        if (shared.contains(path.substr(0, slash))) key.add(path.substr(0, slash));
    return key.value();
}

using Parts = std::array<std::uint32_t, static_parts>;  // a number for each part of what is asked

class Builder {
public:
    explicit Builder(const Context& context) : context_(context), inventory_(context.inventory) {
        collect_sites();
        collect_folders();
        collect_host_sets();
    }

    Classes build() {
        Classes classes;
        std::vector<Parts> vm_parts, host_parts;
        classes.of_vm.reserve(context_.guests.size());
        for (const auto& [id, guest] : context_.guests) classes.of_vm.push_back(class_of(parts_of(guest), vm_parts));
        for (const auto& part : vms_)  // the first of each asks for all that the others ask for
            for (const Vm* vm : part.first()) collect(*vm);
        known_.clear();
        for (const auto& [id, host] : inventory_.hosts) classes.of_host.push_back(class_of(parts_of(host), host_parts));
        classes.host_classes = static_cast<std::uint32_t>(host_parts.size());
        classes.vm_classes = static_cast<std::uint32_t>(vm_parts.size());
        classes.allowed.reserve(host_parts.size() * vm_parts.size());
        ask();
        for (const Parts& vm : vm_parts)
            for (const Parts& host : host_parts) classes.allowed.push_back(allows(vm, host) ? 1 : 0);
        return classes;
    }

private:
    std::uint32_t class_of(const Parts& parts, std::vector<Parts>& classes) {
        key_.clear();
        for (const std::uint32_t part : parts) key_.add(part);
        const auto [at, added] = known_.try_emplace(key_.value(), static_cast<std::uint32_t>(classes.size()));
        if (added) classes.push_back(parts);
        return at->second;
    }

    // Each part is asked for itself: few kinds of CPU, of networks and of storage make many classes.
    void ask() {
        for (std::size_t part = 0; part < static_parts; ++part)
            for (const Vm* vm : vms_[part].first())
                for (const Host* host : hosts_[part].first())
                    allowed_[part].push_back(
                        statically_accepts(context_, *vm, *host, static_cast<StaticPart>(part)) ? 1 : 0);
    }

    bool allows(const Parts& vm, const Parts& host) const {
        for (std::size_t part = 0; part < static_parts; ++part)
            if (allowed_[part][std::size_t{vm[part]} * hosts_[part].first().size() + host[part]] == 0) return false;
        return true;
    }

    void collect_sites() {
        std::set<std::string_view> sites;
        for (const auto& [id, host] : inventory_.hosts) {
            sites.insert(host.site);
            if (const std::string* ordered = ordered_site(host)) sites.insert(*ordered);
        }
        wanted_.several_sites = sites.size() > 1;
        wanted_.copies_disks = wanted_.several_sites || context_.options.migration.copy_disks;
        for (const Home& home : inventory_.homes) homes_.insert(home.host);
    }

    void collect_folders() {
        for (const auto& [id, host] : inventory_.hosts)
            for (const auto* paths : {&host.facts.shared_paths, &host.facts.stretched_paths})
                for (const std::string& path : *paths) wanted_.folders.insert(trimmed(path));
    }

    // Only what some VM has to heed makes a host different from others. A set of hosts becomes a number.
    void collect_host_sets() {
        auto rules = context_.book.of_vm.begin();
        for (const auto& [id, guest] : context_.guests) {
            const bool wishes = rules->wishes_hosts;
            for (const std::uint32_t rule : (rules++)->only_on) {
                if (set_of_rule_.contains(rule)) continue;
                const auto& hosts = context_.book.rules[rule].hosts;
                set_of_rule_[rule] = number_of({hosts.begin(), hosts.end()});
            }
            if (!wishes) continue;
            const auto& wish = guest.vm->facts.wishes.only_on;
            number_of({wish.begin(), wish.end()});
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
    static std::string_view own_cpu_of(const Guest& guest) {
        if (guest.on == nullptr) return "?";
        const auto& offers = guest.on->facts.cpu_by_virt_type;
        const auto offer = offers.find(guest.vm->facts.requirements.virt_type);
        return offer == offers.end() ? "?" : std::string_view(offer->second.host_model);
    }

    template <class T, class Add>
    std::uint32_t number(Interned<T>& known, const T& member, Add add) {
        key_.clear();
        add();
        return known.number_of(key_.value(), member);
    }

    Parts parts_of(const Guest& guest) {
        const Vm& vm = *guest.vm;
        Parts parts;
        const auto part = [&](StaticPart which, auto add) {
            const auto at = static_cast<std::size_t>(which);
            parts[at] = number(vms_[at], vm, add);
        };
        const VmRequirements& needs = vm.facts.requirements;
        part(StaticPart::pins, [&] { add_host_sets(vm); });
        part(StaticPart::site, [&] { add_way_out(guest); });
        part(StaticPart::machine, [&] { add_machine(guest); });
        part(StaticPart::numa, [&] {
            key_.add_all(needs.pinned_cpus).add_all(needs.strict_cells);
            // Only strict cells are compared with the memory of a VM.
            if (!needs.strict_cells.empty()) key_.add(vm.facts.memory.count);
        });
        part(StaticPart::pages, [&] {
            for (const auto& [page, amount] : needs.huge_pages) key_.add(page.count).add(amount.count);
        });
        part(StaticPart::network, [&] { key_.add_all(needs.networks).add_all(needs.bridges); });
        part(StaticPart::storage, [&] {
            key_.add_all(needs.pools);
            add_places(needs.files);
            add_disks(guest);
        });
        return parts;
    }

    void add_machine(const Guest& guest) {
        const VmRequirements& needs = guest.vm->facts.requirements;
        key_.add(needs.virt_type).add(needs.arch).add(needs.machine).add(needs.cpu.model);
        key_.add(static_cast<std::uint64_t>(needs.cpu.mode)).add_all(needs.cpu.required);
        if (needs.cpu.mode != CpuRequirement::Mode::custom) key_.add(own_cpu_of(guest));
    }

    // Files in the same folders are the same to everybody.
    void add_places(const std::set<std::string>& files) {
        std::vector<Fingerprint> places;
        for (const std::string& file : files) places.push_back(folders_of(file, wanted_.folders));
        std::sort(places.begin(), places.end());
        places.erase(std::unique(places.begin(), places.end()), places.end());
        key_.add_all(places);
    }

    void add_way_out(const Guest& guest) {
        if (!wanted_.several_sites || guest.on == nullptr) return;
        const std::string* ordered = ordered_site(*guest.on);
        key_.add(guest.on->site).add(ordered == nullptr ? "" : *ordered);
        key_.add(guest.home == nullptr ? "" : std::string_view(guest.home->id.value));
    }

    // What storage_between_sites() and storage() ask of them.
    void add_disks(const Guest& guest) {
        if (!wanted_.copies_disks || guest.on == nullptr) return;
        key_.add(guest.on->site);
        const bool within = context_.options.migration.copy_disks;
        const bool may_leave = ordered_site(*guest.on) != nullptr || guest.home != nullptr || within;
        if (!may_leave) return;  // site() keeps it from leaving anyway
        add_storage(*guest.on, key_);
        for (const VmDisk& disk : guest.vm->facts.requirements.disks)
            key_.add(disk.source).add(disk.type).add(disk.target).add(uncopyable(disk));
        key_.add_all(guest.vm->facts.requirements.files);
    }

    void add_host_sets(const Vm& vm) {
        const auto& rules = context_.rules_of(vm.id).only_on;
        const auto& wish = vm.facts.wishes.only_on;
        if (rules.empty() && wish.empty()) return;
        std::set<std::pair<bool, std::uint32_t>> sets;
        for (const std::uint32_t rule : rules)
            sets.emplace(context_.book.rules[rule].kind == Rule::Kind::avoid, set_of_rule_.at(rule));
        if (!wish.empty()) sets.emplace(false, numbers_.at({wish.begin(), wish.end()}));
        for (const auto& [avoided, number] : sets) key_.add(avoided ? "-" : "+").add(number);
    }

    Parts parts_of(const Host& host) {
        Parts parts;
        const auto part = [&](StaticPart which, auto add) {
            const auto at = static_cast<std::size_t>(which);
            parts[at] = number(hosts_[at], host, add);
        };
        part(StaticPart::pins, [&] {
            if (const auto sets = sets_with_.find(host.id); sets != sets_with_.end()) key_.add_all(sets->second);
        });
        part(StaticPart::site, [&] {
            if (wanted_.several_sites) key_.add(host.site).add(homes_.contains(host.id) ? host.id.value : "");
        });
        part(StaticPart::machine, [&] { add_offers(host, key_); });
        part(StaticPart::numa, [&] { add_cells(host, key_); });
        part(StaticPart::pages, [&] { add_pages(host, key_); });
        part(StaticPart::network, [&] {
            add_common(wanted_.networks, host.facts.networks, key_);
            add_common(wanted_.bridges, host.facts.bridges, key_);
        });
        part(StaticPart::storage, [&] { add_storage(host, key_); });
        return parts;
    }

    void add_offers(const Host& host, Key& key) {
        key.add(host.facts.arch);
        for (const std::string& type : wanted_.virt_types)
            if (const auto offer = host.facts.cpu_by_virt_type.find(type); offer != host.facts.cpu_by_virt_type.end())
                add_cpu(type, offer->second, key.add(type));
    }

    void add_storage(const Host& host, Key& key) {
        for (const std::string& pool : wanted_.pools)
            if (const auto found = host.facts.pools.find(pool); found != host.facts.pools.end())
                key.add(pool).add(found->second);
        key.end();
        Folders folders;
        for (const std::string& path : host.facts.shared_paths) folders.insert(trimmed(path));
        key.add_all(folders);
        if (!wanted_.copies_disks) return;
        key.add(host.site).add_all(host.facts.stretched_paths);
        for (const auto& [pool, path] : host.facts.pools) key.add(path);
        key.end();
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
    std::set<HostId> homes_;                              // of VMs that are away from them
    std::map<std::set<HostId>, std::uint32_t> numbers_;   // of wanted_.host_sets
    std::map<std::uint32_t, std::uint32_t> set_of_rule_;  // by position in the rule book
    std::map<HostId, std::vector<std::uint32_t>> sets_with_;
    Key key_;  // scratch
    std::array<Interned<Vm>, static_parts> vms_;
    std::array<Interned<Host>, static_parts> hosts_;
    std::array<std::vector<std::uint8_t>, static_parts> allowed_;  // [number of the VM's part][of the host's]
    std::map<Fingerprint, std::uint32_t> known_;                   // classes of VMs, then those of hosts
};

}  // namespace

Classes classes_of(const Context& context) {
    return Builder(context).build();
}

}  // namespace ballast::policy
