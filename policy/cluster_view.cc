#include "policy/cluster_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/sites.h"

namespace ballast::policy {

namespace {

// An absurd report must not wrap around to a small sum.
Bytes add(Bytes a, Bytes b) {
    const auto room = std::numeric_limits<std::uint64_t>::max() - a.count;
    return {a.count + std::min(b.count, room)};
}

double bytes(Bytes b) {
    return static_cast<double>(b.count);
}

void shift_memory(HostUse& use, double by) {
    use.memory_now = std::max(0.0, use.memory_now + by);
    use.memory_used = std::max(0.0, use.memory_used + by);
}

double reserved_cpus(const Vm& vm) {
    return known(vm.facts.wishes.reserved_cpus).value_or(0);
}

}  // namespace

namespace {

// Both maps are in the order of ids: what is remembered is found by going along.
ByVm<Guest> guests_of(const Inventory& inventory, const Memory& memory, const Options& options) {
    ById<HostId, const Host*> hosts;
    hosts.reserve(inventory.hosts.size());
    for (const auto& [id, host] : inventory.hosts) hosts.add(id, &host);
    ByVm<Guest> guests;
    guests.reserve(inventory.vms.size());
    auto remembered = memory.vms.begin();
    for (const auto& [id, vm] : inventory.vms) {
        while (remembered != memory.vms.end() && remembered->first < id) ++remembered;
        const bool seen = remembered != memory.vms.end() && remembered->first == id;
        Guest guest;
        guest.vm = &vm;
        const std::size_t on = hosts.index_of(vm.host);
        if (on < hosts.size()) guest.on = hosts.at_position(on), guest.host = static_cast<std::uint32_t>(on);
        guest.occupies = occupies_host(vm);
        guest.on_huge_pages = !vm.facts.requirements.huge_pages.empty();
        guest.memory = seen ? &remembered->second : nullptr;
        guest.demand_known = seen && remembered->second.last_sample.has_value();
        guest.demand_cores = demand_cores(vm, guest.memory);
        guest.planned_cores = planned_cores(vm, guest.memory);
        guest.ordinary_memory = ordinary_memory(vm);
        guest.memory_resident = memory_resident(vm);
        guest.memory_claim = memory_claim(vm, options);
        guest.reserved_memory = reserved_memory_of(vm);
        guests.add(id, guest);
    }
    return guests;
}

}  // namespace

Context make_context(const Inventory& inventory, const Memory& memory, const Options& options, Instant now) {
    Context context{inventory,
                    memory,
                    options,
                    now,
                    rule_book(inventory, options),
                    guests_of(inventory, memory, options),
                    {},
                    inventory.in_flight,
                    {},
                    {},
                    judge_health(inventory, options.health),
                    {},
                    0};
    std::sort(context.in_flight.begin(), context.in_flight.end(), [](const InFlight& a, const InFlight& b) {
        return std::tie(a.operation, a.vm, a.from, a.to) < std::tie(b.operation, b.vm, b.from, b.to);
    });
    for (const InFlight& move : context.in_flight) context.on_its_way.emplace(move.vm, move.to);
    for (const PastMove& move : inventory.past_moves) context.past[move.vm].push_back(move);
    for (const auto& [vm, moves] : context.past)
        if (const auto guest = context.guests.find(vm); guest != context.guests.end())
            guest->second.moved_before = true;
    for (const Home& home : inventory.homes) {
        const auto guest = context.guests.find(home.vm);
        const auto host = inventory.hosts.find(home.host);
        if (guest != context.guests.end() && host != inventory.hosts.end()) guest->second.home = &host->second;
    }
    for (const auto& [id, guest] : context.guests)
        if (guest.occupies) context.largest_vm = std::max(context.largest_vm, guest.ordinary_memory);
    return context;
}

std::size_t Context::position_of(const VmId& vm) const {
    for (const std::size_t likely : {last_asked, last_asked + 1})
        if (likely < guests.size() && guests.id_at(likely) == vm) return last_asked = likely;
    return last_asked = guests.index_of(vm);
}

Purpose purpose_of_leaving(const Context& context, const Host& host) {
    return context.health.action(host) == HealthAction::evacuate_now ? Purpose::rescue : Purpose::evacuation;
}

const HostMemory& remembered(const Context& context, const HostId& host) {
    static const HostMemory nothing;
    const auto found = context.memory.hosts.find(host);
    return found == context.memory.hosts.end() ? nothing : found->second;
}

Prediction predict(const Vm& vm, const Context& context) {
    static const VmMemory nothing;
    const VmMemory* memory = context.guest_of(vm.id).memory;
    return predict(vm, memory == nullptr ? nothing : *memory, context.options.migration);
}

Prediction predict(const Vm& vm, const Host& to, const Context& context) {
    static const VmMemory nothing;
    const Guest& guest = context.guest_of(vm.id);
    const MigrationOptions& options = context.options.migration;
    const auto crossing = guest.on == nullptr ? std::nullopt : bytes_between_sites(vm, *guest.on, to, options);
    const Bytes disks = guest.on == nullptr ? Bytes{} : bytes_copied(vm, *guest.on, to, options);
    return predict(vm, guest.memory == nullptr ? nothing : *guest.memory, options, crossing, disks);
}

ClusterView::ClusterView(const Context& context) : context_(&context), members_(context.book.spread.size()) {
    hosts_.reserve(context.inventory.hosts.size());
    for (const auto& [id, host] : context.inventory.hosts) add_host(host);
    for (const auto& [id, guest] : context.guests) add_guest(guest);
    for (auto& [id, use] : hosts_) measure(use);
    for (const InFlight& move : context.in_flight) add_in_flight(move);
    for (const auto& [vm, moves] : context.past)
        for (const PastMove& move : moves) correct_for(move);
    if (context.options.admission.largest_vm || context.options.admission.host_failures > 0)
        for (const auto& [id, use] : hosts_) update_room(use);
}

void ClusterView::add_host(const Host& host) {
    HostUse use;
    const HostMemory& memory = remembered(*context_, host.id);
    use.host = &host;
    use.usable_cpus = ballast::policy::usable_cpus(host, context_->options);
    use.allocatable = allocatable_memory(host, context_->options);
    use.reserve = ballast::policy::reserved_memory(host, context_->options);
    use.cpu_now = known(memory.other_cpu_cores + memory.unattributed_cpu_cores).value_or(0);
    use.cpu_known = memory.cpu_known;
    use.available = host.load.memory_available;
    use.huge_pages = huge_pages_of(host);
    hosts_.add(host.id, std::move(use));
}

void ClusterView::add_guest(const Guest& guest) {
    if (guest.on == nullptr || !guest.occupies) return;
    HostUse& use = hosts_.begin()[guest.host].second;
    // A VM never measured is inside the host's own use already.
    if (guest.demand_known) use.cpu_now += guest.demand_cores;
    commit(use, *guest.vm);
    occupy(use, *guest.vm);
}

void ClusterView::measure(HostUse& use) {
    use.cpu = use.cpu_now;
    const auto used = measured_memory_ratio(*use.host);
    use.memory_now = used ? *used * bytes(use.host->facts.memory_total) : bytes(use.committed);
    use.memory_used = use.memory_now;
}

// What the host has promised to the VM, whether it uses it or not.
void ClusterView::commit(HostUse& use, const Vm& vm) {
    const Guest& figures = guest(vm);
    use.committed = add(use.committed, figures.ordinary_memory);
    use.vcpus += vm.facts.vcpus;
    use.reserved_cpus += reserved_cpus(vm);
    use.reserved_memory = add(use.reserved_memory, figures.reserved_memory);
    if (vm.facts.requirements.huge_pages.empty()) return;
    for (const auto& [page, amount] : huge_pages_on(*use.host, vm))
        if (const auto pool = use.huge_pages.find(page); pool != use.huge_pages.end())
            pool->second.committed = add(pool->second.committed, amount);
}

// Members of a group are told by name: the one that moves within a place stays one member of it.
void ClusterView::occupy(HostUse& use, const Vm& vm) {
    use.occupants.insert(vm.id);
    for (const std::uint32_t group : context_->rules_of(vm.id).spread)
        members_[group][place_of(*use.host, context_->book.spread[group].over)].insert(vm.id);
}

// The target holds the VM from now on, whatever becomes of the source.
void ClusterView::arrive(HostUse& use, const Vm& vm) {
    const Guest& figures = guest(vm);
    use.cpu += figures.planned_cores;
    commit(use, vm);
    if (use.available) *use.available -= figures.memory_claim;
    for (const auto& [page, amount] : huge_pages_on(*use.host, vm))
        if (const auto pool = use.huge_pages.find(page); pool != use.huge_pages.end() && pool->second.measured)
            *pool->second.measured -= amount;
    use.memory_used += bytes(figures.memory_resident);
    occupy(use, vm);
}

void ClusterView::bring_disks(HostUse& use, const Vm& vm, const HostId& from) {
    const auto source = hosts_.find(from);
    if (source == hosts_.end()) return;
    for (const VmDisk* disk : copied_disks(vm, *source->second.host, *use.host, context_->options.migration))
        if (const std::string* pool = pool_for(*disk, *use.host))
            use.pool_taken[*pool] = add(use.pool_taken[*pool], room_for_copy(*disk));
}

// Its load goes at once, its memory only when the move has ended.
void ClusterView::leave(HostUse& use, const Vm& vm) {
    const Guest& figures = guest(vm);
    use.cpu = std::max(0.0, use.cpu - figures.demand_cores);
    use.memory_used = std::max(0.0, use.memory_used - bytes(figures.memory_resident));
    use.leaving = add(use.leaving, figures.ordinary_memory);
}

void ClusterView::update_room(const HostUse& use) {
    const Host& host = *use.host;
    if (!is_fresh(host) || context_->health.closed(host) || !host.accepts_vms) return;
    room_.set(host.id, use.allocatable, use.committed - use.leaving);
}

void ClusterView::add_in_flight(const InFlight& move) {
    ++in_flight_;
    moving_.emplace(move.vm, move.to);
    const auto vm = context_->inventory.vms.find(move.vm);
    const auto from = hosts_.find(move.from);
    const auto to = hosts_.find(move.to);
    if (from != hosts_.end()) ++from->second.outgoing;
    if (to != hosts_.end()) ++to->second.incoming;
    if (vm == context_->inventory.vms.end()) return;
    if (to != hosts_.end() && !to->second.occupants.contains(move.vm)) {
        arrive(to->second, vm->second);
        bring_disks(to->second, vm->second, move.from);
    }
    if (from == hosts_.end()) return;
    HostUse& source = from->second;
    // Seen on its target already, but not yet verified: the source may still hold its memory.
    if (!source.occupants.contains(move.vm)) {
        commit(source, vm->second);
        occupy(source, vm->second);
        source.leaving = add(source.leaving, ordinary_memory(vm->second));
        return;
    }
    leave(source, vm->second);
}

// A move that ended with or after a host's last sample is not in that host's measured memory yet.
void ClusterView::correct_for(const PastMove& move) {
    const auto vm = context_->inventory.vms.find(move.vm);
    if (!move.succeeded || vm == context_->inventory.vms.end() || vm->second.host != move.to) return;
    const auto unseen = [&](const HostUse& use) { return use.available && use.host->sampled_at <= move.ended; };
    if (const auto to = hosts_.find(move.to); to != hosts_.end() && unseen(to->second)) {
        *to->second.available -= memory_claim(vm->second, context_->options);
        shift_memory(to->second, bytes(memory_resident(vm->second)));
    }
    if (const auto from = hosts_.find(move.from); from != hosts_.end() && unseen(from->second))
        shift_memory(from->second, -bytes(memory_resident(vm->second)));
}

void ClusterView::apply(const Vm& vm, const HostId& to) {
    HostUse& source = hosts_.at(vm.host);
    HostUse& target = hosts_.at(to);
    leave(source, vm);
    arrive(target, vm);
    bring_disks(target, vm, vm.host);
    moving_.emplace(vm.id, to);
    if (room_.empty()) return;  // nobody asks for it
    update_room(source);
    update_room(target);
}

const HostId* ClusterView::target_of(const VmId& vm) const {
    const auto found = moving_.find(vm);
    return found == moving_.end() ? nullptr : &found->second;
}

double ClusterView::cpu_ratio(const HostId& host) const {
    const HostUse& use = at(host);
    return ratio_of(use.cpu, use.usable_cpus);
}

double ClusterView::cpu_ratio_with(const HostId& host, const Vm& vm) const {
    const HostUse& use = at(host);
    return ratio_of(use.cpu + guest(vm).planned_cores, use.usable_cpus);
}

double ClusterView::memory_ratio(const HostId& host) const {
    const HostUse& use = at(host);
    return ratio_of(use.memory_used, bytes(use.host->facts.memory_total));
}

double ClusterView::memory_ratio_with(const HostId& host, const Vm& vm) const {
    const HostUse& use = at(host);
    return ratio_of(use.memory_used + bytes(guest(vm).memory_resident), bytes(use.host->facts.memory_total));
}

Bytes ClusterView::free_by_allocation(const HostUse& use) const {
    return use.allocatable - use.committed;
}

Bytes ClusterView::memory_free(const HostId& host) const {
    const HostUse& use = at(host);
    const Bytes by_allocation = free_by_allocation(use);
    if (!use.available) return by_allocation;
    return std::min(by_allocation, *use.available - use.reserve);
}

std::optional<Bytes> ClusterView::memory_left_with(const HostId& host, const Vm& vm) const {
    const HostUse& use = at(host);
    const Guest& figures = guest(vm);
    const Bytes promised = figures.ordinary_memory;
    const Bytes by_allocation = free_by_allocation(use);
    if (promised > by_allocation) return std::nullopt;
    if (!use.available) return by_allocation - promised;
    const Bytes claimed = figures.memory_claim;
    const Bytes by_measurement = *use.available - use.reserve;
    if (claimed > by_measurement) return std::nullopt;
    return std::min(by_allocation - promised, by_measurement - claimed);
}

Bytes ClusterView::huge_pages_free(const HostId& host, Bytes page) const {
    const auto& pools = at(host).huge_pages;
    const auto pool = pools.find(page);
    if (pool == pools.end()) return {};
    const Bytes by_allocation = pool->second.total - pool->second.committed;
    return pool->second.measured ? std::min(by_allocation, *pool->second.measured) : by_allocation;
}

std::optional<Bytes> ClusterView::pool_left(const HostId& host, const std::string& pool) const {
    const HostUse& use = at(host);
    const auto free = use.host->facts.pool_free.find(pool);
    if (free == use.host->facts.pool_free.end()) return std::nullopt;
    const auto taken = use.pool_taken.find(pool);
    return taken == use.pool_taken.end() ? free->second : free->second - taken->second;
}

unsigned ClusterView::between_sites(const std::string& one, const std::string& other) const {
    const auto site_of = [&](const HostId& host) {
        const auto found = hosts_.find(host);
        return found == hosts_.end() ? nullptr : &found->second.host->site;
    };
    const auto counts = [&](const InFlight& move) {
        const std::string *from = site_of(move.from), *to = site_of(move.to);
        return from != nullptr && to != nullptr && std::minmax(*from, *to) == std::minmax(one, other);
    };
    return static_cast<unsigned>(std::count_if(context_->in_flight.begin(), context_->in_flight.end(), counts));
}

const std::set<VmId>& ClusterView::members_in(std::uint32_t group, const std::string& place) const {
    static const std::set<VmId> nobody;
    const auto found = members_[group].find(place);
    return found == members_[group].end() ? nobody : found->second;
}

double ClusterView::imbalance() const {
    std::vector<double> ratios;
    for (const auto& [id, use] : hosts_)
        if (is_fresh(*use.host) && use.cpu_known) ratios.push_back(cpu_ratio(id));
    if (ratios.empty()) return 0;
    const double count = static_cast<double>(ratios.size());
    double mean = 0;
    for (const double r : ratios) mean += r / count;
    double variance = 0;
    for (const double r : ratios) variance += (r - mean) * (r - mean) / count;
    return std::sqrt(variance);
}

}  // namespace ballast::policy
