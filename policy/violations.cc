#include "policy/violations.h"

#include <algorithm>
#include <map>

#include "model/names.h"
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"

namespace ballast::policy {

namespace {

const Vm& vm_of(const ClusterView& view, const VmId& id) {
    return view.context().inventory.vms.at(id);
}

std::string named(const ClusterView& view, const std::vector<VmId>& vms) {
    std::vector<std::string> names;
    for (const VmId& vm : vms) names.push_back(vm_of(view, vm).facts.name);
    return names_of(names);
}

// Somebody else empties that host, or nobody knows it.
bool leaves_anyway(const ClusterView& view, const VmId& vm) {
    const auto host = view.context().inventory.hosts.find(home_of(view, vm));
    return host == view.context().inventory.hosts.end() || view.context().health.leaves(host->second);
}

std::map<std::string, std::vector<VmId>> by_place(const ClusterView& view, const std::vector<VmId>& members,
                                                  const std::string& label) {
    std::map<std::string, std::vector<VmId>> places;
    for (const VmId& vm : members)
        if (!leaves_anyway(view, vm))
            places[place_of(view.context().inventory.hosts.at(home_of(view, vm)), label)].push_back(vm);
    return places;
}

std::string crowd_text(const ClusterView& view, const SpreadGroup& group, const std::string& place,
                       const std::vector<VmId>& vms) {
    const std::string where = group.over.empty() ? place
                              : place.empty()    ? "hosts without " + group.over
                                                 : group.over + " " + place;
    if (group.most == 1)
        return group.name + (group.hard ? " keeps" : " wants") + " apart what shares " + where + ": " +
               named(view, vms);
    return group.name + (group.hard ? " allows " : " wants ") + std::to_string(group.most) + " in " + where +
           ", there are " + std::to_string(vms.size()) + ": " + named(view, vms);
}

void add_crowded(const ClusterView& view, bool hard, std::vector<Violation>& all) {
    const auto& groups = view.context().book.spread;
    for (std::uint32_t index = 0; index < groups.size(); ++index) {
        const SpreadGroup& group = groups[index];
        if (group.hard != hard || group.members.size() <= group.most) continue;
        for (const auto& [place, vms] : by_place(view, group.members, group.over)) {
            if (vms.size() <= group.most) continue;
            Violation found;
            found.kind = Violation::Kind::crowded;
            found.hard = hard;
            if (group.over.empty()) found.host = {place};
            found.text = crowd_text(view, group, place, vms);
            found.vms = vms;
            found.too_many = vms.size() - group.most;
            found.group = index;
            found.place = place;
            all.push_back(std::move(found));
        }
    }
}

void add_split(const ClusterView& view, bool hard, std::vector<Violation>& all) {
    const auto& groups = view.context().book.together;
    for (std::uint32_t index = 0; index < groups.size(); ++index) {
        const TogetherGroup& group = groups[index];
        if (group.hard != hard || group.members.size() < 2) continue;
        const auto hosts = by_place(view, group.members, "");
        if (hosts.size() < 2) continue;
        Violation found;
        found.kind = Violation::Kind::split;
        found.hard = hard;
        found.group = index;
        std::string where;
        for (const auto& [host, vms] : hosts) {
            where += (where.empty() ? "" : "; ") + named(view, vms) + " on " + host;
            found.vms.insert(found.vms.end(), vms.begin(), vms.end());
        }
        std::sort(found.vms.begin(), found.vms.end());
        found.text =
            group.name + (hard ? " keeps together what is apart: " : " wants together what is apart: ") + where;
        all.push_back(std::move(found));
    }
}

std::vector<std::string> misplacements(const ClusterView& view, const Vm& vm, const Host& host, bool hard) {
    std::vector<std::string> texts;
    if (!hard) {
        constraints::soft_pins(view, vm, host, texts);
        return texts;
    }
    Objections objections;
    constraints::pins(view.context(), vm, host, objections);
    for (const Blocker& objection : objections) texts.push_back(objection.detail);
    return texts;
}

void add_misplaced(const ClusterView& view, bool hard, std::vector<Violation>& all) {
    const Context& context = view.context();
    auto rules = context.book.of_vm.begin();
    for (const auto& [id, guest] : context.guests) {
        if (!(rules++)->names_hosts(hard) || !guest.occupies || leaves_anyway(view, id)) continue;
        const Vm& vm = *guest.vm;
        const Host& host = view.context().inventory.hosts.at(home_of(view, id));
        const auto texts = misplacements(view, vm, host, hard);
        if (texts.empty()) continue;
        Violation found;
        found.hard = hard;
        found.host = host.id;
        found.text = vm.facts.name + " is on " + host.id.value + ", though " + texts.front();
        found.vms = {id};
        all.push_back(std::move(found));
    }
}

}  // namespace

const HostId& home_of(const ClusterView& view, const VmId& vm) {
    const HostId* target = view.target_of(vm);
    return target != nullptr ? *target : vm_of(view, vm).host;
}

std::size_t too_many(const ClusterView& view, const Violation& violation) {
    const auto home = [&](const VmId& vm) -> const HostId& { return home_of(view, vm); };
    const std::vector<VmId>& vms = violation.vms;
    if (violation.kind == Violation::Kind::misplaced) return home(vms.front()) == violation.host ? 1 : 0;
    if (violation.kind == Violation::Kind::split)
        return std::any_of(vms.begin(), vms.end(), [&](const VmId& vm) { return home(vm) != home(vms.front()); }) ? 1
                                                                                                                  : 0;
    const SpreadGroup& group = view.context().book.spread[violation.group];
    const auto there = by_place(view, vms, group.over);
    const auto found = there.find(violation.place);
    return found == there.end() || found->second.size() <= group.most ? 0 : found->second.size() - group.most;
}

std::vector<Violation> violations(const ClusterView& view, bool soft_too) {
    std::vector<Violation> all;
    for (const bool hard : {true, false}) {
        if (!hard && !soft_too) break;
        add_misplaced(view, hard, all);
        add_crowded(view, hard, all);
        add_split(view, hard, all);
    }
    return all;
}

}  // namespace ballast::policy
