#include "interchange/views_inventory.h"

#include <algorithm>

#include "interchange/views_health.h"
#include "policy/constraints/constraint.h"

namespace ballast::views {

namespace {

const HostView* last_view(const Seen& seen, const HostId& host) {
    const auto found = seen.last_cycle.plan.hosts.find(host);
    return found == seen.last_cycle.plan.hosts.end() ? nullptr : &found->second;
}

template <class Strings>
json::array sorted(const Strings& values) {
    return each(values, [](const auto& value) { return json::value(value); });
}

// Of a host that was never measured nothing is known: a zero would pass for an idle one.
json::value seen_of(const Host& host, const HostView* view, double HostView::*figure) {
    return view != nullptr && host.sampled_at ? number(view->*figure) : json::value();
}

json::object cpu(const Host& host, const HostView* view) {
    return {{"capacity_cores", number(host.facts.cpus)},
            {"used_cores", number(host.load.cpu_used_cores)},
            {"demand_ratio", seen_of(host, view, &HostView::cpu_demand)},
            {"ready_ratio", seen_of(host, view, &HostView::ready)}};
}

json::object memory(const Host& host, const HostView* view) {
    return {{"total_bytes", host.facts.memory_total.count},
            {"available_bytes", bytes(host.load.memory_available)},
            {"demand_ratio", seen_of(host, view, &HostView::memory_demand)}};
}

json::object pressure(const Pressure& pressure) {
    return {{"cpu_some_ratio", number(pressure.cpu_some)},
            {"memory_some_ratio", number(pressure.memory_some)},
            {"memory_full_ratio", number(pressure.memory_full)},
            {"io_some_ratio", number(pressure.io_some)},
            {"io_full_ratio", number(pressure.io_full)}};
}

json::object facts(const HostFacts& facts) {
    json::object pools, cpus;
    for (const auto& [name, path] : facts.pools) pools[name] = path;
    for (const auto& [virt_type, support] : facts.cpu_by_virt_type)
        cpus[virt_type] = json::object{{"host_model", support.host_model},
                                       {"models", sorted(support.models)},
                                       {"machines", sorted(support.machines)}};
    return {{"uuid", facts.uuid},
            {"hostname", facts.hostname},
            {"arch", facts.arch},
            {"libvirt_version", facts.libvirt_version},
            {"hypervisor_version", facts.hypervisor_version},
            {"networks", sorted(facts.networks)},
            {"bridges", sorted(facts.bridges)},
            {"pools", std::move(pools)},
            {"shared_paths", sorted(facts.shared_paths)},
            {"stretched_paths", sorted(facts.stretched_paths)},
            {"cpu", std::move(cpus)}};
}

json::object load(const VmLoad& load) {
    return {{"cpu_used_cores", number(load.cpu_used_cores)},
            {"ready_ratio", number(load.ready_ratio)},
            {"memory_rss_bytes", bytes(load.memory_rss)},
            {"memory_balloon_bytes", bytes(load.memory_balloon)},
            {"memory_usable_bytes", bytes(load.memory_usable)},
            {"swap_in_mib_per_s", number(load.swap_in_mib_per_s)},
            {"major_faults_per_s", number(load.major_faults_per_s)},
            {"block_read_mib_per_s", number(load.block_read_mib_per_s)},
            {"block_write_mib_per_s", number(load.block_write_mib_per_s)},
            {"net_rx_mib_per_s", number(load.net_rx_mib_per_s)},
            {"net_tx_mib_per_s", number(load.net_tx_mib_per_s)},
            {"dirty_rate_mib_per_s", number(load.dirty_rate_mib_per_s)}};
}

json::object wishes(const VmWishes& wishes) {
    return {
        {"no_migrate", wishes.no_migrate}, {"only_on", ids(wishes.only_on)}, {"keep_apart", texts(wishes.keep_apart)},
        {"priority", wishes.priority},     {"post_copy", wishes.post_copy},  {"no_post_copy", wishes.no_post_copy},
        {"problem", wishes.problem}};
}

json::object blocker(const Blocker& blocker) {
    return {{"reason", to_string(blocker.reason)}, {"text", explain(blocker.reason)}, {"detail", blocker.detail}};
}

json::object requirements(const VmRequirements& needs) {
    return {{"virt_type", needs.virt_type},       {"arch", needs.arch},
            {"machine", needs.machine},           {"cpu_mode", to_string(needs.cpu.mode)},
            {"cpu_model", needs.cpu.model},       {"cpu_features", sorted(needs.cpu.required)},
            {"networks", sorted(needs.networks)}, {"bridges", sorted(needs.bridges)},
            {"pools", sorted(needs.pools)},       {"files", sorted(needs.files)}};
}

json::value operation_on(const Seen& seen, const VmId& vm) {
    for (const Operation& op : seen.active)
        if (op.vm == vm) return json::value(op.id.value);
    return nullptr;
}

std::optional<double> demand(const Seen& seen, const VmId& vm) {
    const auto known = seen.memory.vms.find(vm);
    if (known == seen.memory.vms.end() || !known->second.last_sample) return std::nullopt;
    return known->second.cpu_demand_cores;
}

template <class Range, class Predicate>
std::size_t count(const Range& range, Predicate predicate) {
    return static_cast<std::size_t>(std::count_if(range.begin(), range.end(), predicate));
}

// Of a lost host it is certain that nothing runs there, whatever was seen last.
bool is_down(const Seen& seen, const Vm& vm) {
    const auto host = seen.inventory.hosts.find(vm.host);
    return host != seen.inventory.hosts.end() && host->second.lost && vm.state != VmState::shut_off;
}
bool is_running(const Seen& seen, const Vm& vm) {
    return vm.state == VmState::running && !is_down(seen, vm);
}

std::size_t running_on(const Seen& seen, const HostId& host) {
    return count(seen.inventory.vms,
                 [&](const auto& entry) { return entry.second.host == host && is_running(seen, entry.second); });
}

std::map<HostId, std::size_t> running_by_host(const Seen& seen) {
    std::map<HostId, std::size_t> running;
    for (const auto& [id, vm] : seen.inventory.vms)
        if (is_running(seen, vm)) ++running[vm.host];
    return running;
}

// Nobody acknowledges alarms yet: an ended one is shown for a day, the history keeps it for longer.
constexpr Duration alarms_shown = std::chrono::hours{24};

bool is_meant_to_be_on(const Host& host) {
    return host.power == PowerState::on || host.power == PowerState::fencing || host.power == PowerState::lost;
}

json::array problems(const Seen& seen) {
    const auto told = [](const Operation& op) { return op.id.value + " (" + op.vm_name + "): " + op.message; };
    json::array out;
    for (const auto& [id, host] : seen.inventory.hosts)
        if (!host.problem.empty() && is_meant_to_be_on(host)) out.emplace_back(id.value + ": " + host.problem);
    add_health_problems(seen, out);
    if (!seen.broker_problem.empty()) out.emplace_back(seen.broker_problem);
    for (const Operation& op : seen.active)
        if (op.alarm) out.emplace_back(told(op));
    for (const Operation& op : seen.ended)
        if (op.alarm && seen.wall_now - op.updated < alarms_shown) out.emplace_back(told(op));
    for (const PowerRecord& power : seen.power) {
        const json::value alarm(power.host.value + ": " + power.message);
        const bool told_of = std::find(out.begin(), out.end(), alarm) != out.end();  // as what is wrong with its host
        if (power.alarm && !told_of) out.push_back(alarm);
    }
    for (const std::string& note : seen.last_cycle.notes) out.emplace_back(note);
    if (!seen.last_cycle.plan.brake.empty()) out.emplace_back(seen.last_cycle.plan.brake);
    return out;
}

json::object host_counts(const Seen& seen) {
    const auto& hosts = seen.inventory.hosts;
    const auto& views = seen.last_cycle.plan.hosts;
    return {{"total", hosts.size()},
            {"up", count(hosts,
                         [](const auto& host) {
                             return host.second.power == PowerState::on && host.second.connection == Connection::up;
                         })},
            {"off", count(hosts, [](const auto& host) { return !is_meant_to_be_on(host.second); })},
            {"stale",
             count(hosts, [](const auto& host) { return host.second.power == PowerState::on && host.second.stale; })},
            {"lost", count(hosts,
                           [](const auto& host) {
                               return host.second.power == PowerState::fencing || host.second.power == PowerState::lost;
                           })},
            {"maintenance", count(hosts, [](const auto& host) { return host.second.maintenance; })},
            {"degraded", count(views, [](const auto& view) { return view.second.state == "degraded"; })},
            {"overloaded", count(views, [](const auto& view) { return view.second.overloaded; })}};
}

// Power and maintenance as they stand now, the rest as the last cycle saw it.
std::string state_of(const Host& host, const HostView* view, std::size_t running) {
    if (host.power != PowerState::on) return to_string(host.power);
    const bool told = view != nullptr && (view->state == "maintenance" || view->state == "draining");
    if (host.maintenance && !told && !host.stale && !host.lost) return running > 0 ? "draining" : "maintenance";
    return view ? view->state : "unknown";
}

json::object host_with(const Seen& seen, const Host& host, std::size_t running) {
    const HostView* view = last_view(seen, host.id);
    const auto age = host.sampled_at ? std::optional(seen.now - *host.sampled_at) : std::nullopt;
    const auto& moving = seen.inventory.in_flight;
    return {{"id", host.id.value},
            {"state", state_of(host, view, running)},
            {"connection", to_string(host.connection)},
            {"stale", host.stale},
            {"maintenance", host.maintenance},
            {"site", host.site},
            {"to_site", host.to_site},
            {"accepts_vms", host.accepts_vms},
            {"power", to_string(host.power)},
            {"power_managed", host.power_managed},
            {"problem", host.problem},
            {"health", health(seen, host)},
            {"sample_age_ms", milliseconds(age)},
            {"overloaded", view && view->overloaded},
            {"cpu", cpu(host, view)},
            {"memory", memory(host, view)},
            {"pressure", pressure(host.load.pressure)},
            {"swap_in_mib_per_s", number(host.load.swap_in_mib_per_s)},
            {"vms", running},
            {"incoming", count(moving, [&](const InFlight& move) { return move.to == host.id; })},
            {"outgoing", count(moving, [&](const InFlight& move) { return move.from == host.id; })}};
}
}  // namespace

std::set<VmId> movable_vms(const Seen& seen) {
    const auto context = policy::make_context(seen.inventory, seen.memory, seen.options, seen.now);
    std::set<VmId> movable;
    for (const auto& [id, vm] : seen.inventory.vms)
        if (policy::vm_refusals(context, vm, policy::Purpose::manual).empty()) movable.insert(id);
    return movable;
}

json::object host(const Seen& seen, const Host& host) {
    return host_with(seen, host, running_on(seen, host.id));
}

json::object host_detail(const Seen& seen, const Host& host) {
    json::object out = views::host(seen, host);
    out["facts"] = facts(host.facts);
    const auto movable = movable_vms(seen);
    json::array list;
    for (const auto& [id, one] : seen.inventory.vms)
        if (one.host == host.id) list.push_back(vm(seen, one, movable.contains(id)));
    out["vm_list"] = std::move(list);
    out["operations"] = operations(touching(seen, host.id), seen.wall_now);
    return out;
}

json::object vm(const Seen& seen, const Vm& vm, bool movable) {
    return {{"id", vm.id.value},
            {"name", vm.facts.name},
            {"host", vm.host.value},
            {"state", is_down(seen, vm) ? "down" : to_string(vm.state)},
            {"vcpus", vm.facts.vcpus},
            {"memory_bytes", vm.facts.memory.count},
            {"facts_known", vm.facts_known},
            {"movable", movable},
            {"cpu_used_cores", number(vm.load.cpu_used_cores)},
            {"cpu_demand_cores", number(demand(seen, vm.id))},
            {"ready_ratio", number(vm.load.ready_ratio)},
            {"memory_rss_bytes", bytes(vm.load.memory_rss)},
            {"operation", operation_on(seen, vm.id)}};
}

json::object vm_detail(const Seen& seen, const Vm& vm, bool movable) {
    json::object out = views::vm(seen, vm, movable);
    const auto since = vm.started_at && !is_down(seen, vm) ? std::optional(seen.now - *vm.started_at) : std::nullopt;
    out["running_here_for_ms"] = milliseconds(since);
    out["persistent"] = vm.facts.persistent;
    out["autostart"] = vm.facts.autostart;
    out["load"] = load(vm.load);
    out["wishes"] = wishes(vm.facts.wishes);
    out["blockers"] = each(vm.facts.blockers, blocker);
    out["requirements"] = requirements(vm.facts.requirements);
    return out;
}

json::array hosts(const Seen& seen) {
    auto running = running_by_host(seen);
    return each(seen.inventory.hosts,
                [&](const auto& entry) { return host_with(seen, entry.second, running[entry.first]); });
}

json::array vms(const Seen& seen) {
    const auto movable = movable_vms(seen);
    return each(seen.inventory.vms,
                [&](const auto& entry) { return vm(seen, entry.second, movable.contains(entry.first)); });
}

std::vector<Operation> touching(const Seen& seen, const HostId& host) {
    std::vector<Operation> out;
    for (const Operation& op : seen.active)
        if (op.from == host || op.to == host) out.push_back(op);
    return out;
}

json::object cluster(const Seen& seen) {
    const auto& all = seen.inventory.vms;
    const auto waiting = [](const Operation& op) { return op.state == OperationState::waiting; };
    const bool planned = !seen.last_cycle.id.empty();
    return {{"hosts", host_counts(seen)},
            {"vms", json::object{{"total", all.size()},
                                 {"running", count(all, [&](const auto& vm) { return is_running(seen, vm.second); })},
                                 {"down", count(all, [&](const auto& vm) { return is_down(seen, vm.second); })},
                                 {"movable", movable_vms(seen).size()}}},
            {"operations", json::object{{"active", seen.active.size()},
                                        {"waiting", count(seen.active, waiting)},
                                        {"alarms", count(seen.active, [](const Operation& op) { return op.alarm; })}}},
            {"imbalance", planned ? number(seen.last_cycle.plan.score_before) : json::value()},
            {"findings", each(seen.last_cycle.plan.findings, finding)},
            {"problems", problems(seen)},
            {"last_cycle", planned ? json::value(cycle_summary(seen.last_cycle)) : json::value()}};
}

}  // namespace ballast::views
