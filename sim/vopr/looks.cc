// The sentences in which a scenario says what it expects.
#include <algorithm>

#include "cluster/keys.h"
#include "executor/vm_records.h"
#include "sim/vopr/expect.h"
#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
std::string joined(const std::vector<std::string>& all, const char* none = "none") {
    std::string text;
    for (const std::string& one : all) text += (text.empty() ? "" : "; ") + one;
    return text.empty() ? none : text;
}
HostId meant(const Stage& stage, const HostId& host) {
    return host.value == whoever_leads ? stage.leads().value_or(HostId{}) : host;
}
const Operation* last_of(const Stage& stage, const VmId& vm) {
    const auto found = stage.witness.last.find(vm);
    return found == stage.witness.last.end() ? nullptr : &found->second;
}

// ---- VMs

Seen place(const Stage& stage, const Asked& asked, bool (*good)(const std::vector<HostId>&, const Asked&)) {
    const auto on = stage.cluster.world.running_on(asked.vm);
    std::string seen;
    for (const HostId& host : on) seen += (seen.empty() ? asked.vm.value + " runs on " : " and on ") + host.value;
    if (on.empty()) {
        seen = asked.vm.value + " does not run";
        for (const HostId& host : stage.hosts) {
            const Domain* const domain = stage.cluster.world.domain(host, asked.vm);
            if (domain != nullptr)
                seen += domain->active() ? ", is paused on " + host.value : ", is defined on " + host.value;
        }
    }
    return {good(on, asked), seen};
}
using Places = std::vector<HostId>;

Seen runs_on(const Stage& stage, const Asked& asked) {
    return place(stage, asked, [](const Places& on, const Asked& a) { return on == Places{a.host}; });
}
Seen runs_on_either(const Stage& stage, const Asked& asked) {
    return place(stage, asked,
                 [](const Places& on, const Asked& a) { return on == Places{a.host} || on == Places{a.other}; });
}
Seen runs_elsewhere(const Stage& stage, const Asked& asked) {
    return place(stage, asked, [](const Places& on, const Asked& a) { return on.size() == 1 && on != Places{a.host}; });
}
Seen runs(const Stage& stage, const Asked& asked) {
    return place(stage, asked, [](const Places& on, const Asked&) { return on.size() == 1; });
}
Seen runs_not(const Stage& stage, const Asked& asked) {
    return place(stage, asked, [](const Places& on, const Asked&) { return on.empty(); });
}
Seen runs_twice(const Stage& stage, const Asked& asked) {
    return place(stage, asked, [](const Places& on, const Asked&) { return on.size() > 1; });
}
Seen runs_with(const Stage& stage, const Asked& asked) {
    const auto one = stage.cluster.world.running_on(asked.vm), two = stage.cluster.world.running_on(asked.other_vm);
    const bool known = one.size() == 1 && two.size() == 1;
    return {known && one == two, known ? "they run on " + one[0].value + " and " + two[0].value : "one does not run"};
}
Seen paused_on(const Stage& stage, const Asked& asked) {
    const Domain* const domain = stage.cluster.world.domain(meant(stage, asked.host), asked.vm);
    const bool paused = domain != nullptr && domain->active() && !domain->runs();
    return {paused, paused ? "it is paused" : "it is not paused there"};
}
Seen nothing_left(const Stage& stage, const Asked& asked) {
    const Domain* const domain = stage.cluster.world.domain(meant(stage, asked.host), asked.vm);
    return {domain == nullptr, domain == nullptr ? "nothing is" : domain->active() ? "it is active" : "it is defined"};
}
Seen belongs_to(const Stage& stage, const Asked& asked) {
    const auto entry = stage.cluster.store.entries.find(executor::vm_record_key(asked.vm));
    if (entry == stage.cluster.store.entries.end()) return {false, "nobody owns it"};
    const auto record = executor::vm_record_from_json(boost::json::parse(entry->second.value));
    if (!record) return {false, "its record cannot be read"};
    return {record->host == meant(stage, asked.host) && !record->ended, "it belongs to " + record->host.value};
}
Seen is_nobodys(const Stage& stage, const Asked& asked) {
    const auto entry = stage.cluster.store.entries.find(executor::vm_record_key(asked.vm));
    if (entry == stage.cluster.store.entries.end()) return {true, "nobody owns it"};
    const auto record = executor::vm_record_from_json(boost::json::parse(entry->second.value));
    return {record && record->ended, "it has a record"};
}

Seen in_range(unsigned n, const Asked& asked) {
    return {n >= asked.least && n <= asked.most, std::to_string(n)};
}
template <class Map, class Key>
unsigned counted(const Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
}
Seen started(const Stage& stage, const Asked& asked) {
    return in_range(counted(stage.witness.starts, asked.vm), asked);
}
Seen operated(const Stage& stage, const Asked& asked) {
    return in_range(counted(stage.witness.operations, asked.vm), asked);
}

// ---- operations

Seen operation_is(const Stage& stage, const Asked& asked) {
    const Operation* const op = last_of(stage, asked.vm);
    if (op == nullptr) return {false, "there was none"};
    return {to_string(op->state) == asked.words, to_string(op->state) + ": " + op->message};
}
Seen operation_between(const Stage& stage, const Asked& asked) {
    const Operation* const op = last_of(stage, asked.vm);
    if (op == nullptr) return {false, "there was none"};
    return {op->from == asked.host && op->to == asked.other, "from " + op->from.value + " to " + op->to.value};
}
Seen attempts(const Stage& stage, const Asked& asked) {
    const Operation* const op = last_of(stage, asked.vm);
    return in_range(op == nullptr ? 0 : op->attempt, asked);
}
Seen operation_says(const Stage& stage, const Asked& asked) {
    const Operation* const op = last_of(stage, asked.vm);
    return {op != nullptr && has(op->message, asked.text), op == nullptr ? "there was none" : op->message};
}
Seen reason_says(const Stage& stage, const Asked& asked) {
    const Operation* const op = last_of(stage, asked.vm);
    return {op != nullptr && has(op->reason, asked.text), op == nullptr ? "there was none" : op->reason};
}
Seen nothing_under_way(const Stage& stage, const Asked&) {
    for (const auto& [vm, op] : stage.witness.last)
        if (!is_final(op.state)) return {false, vm.value + " is " + to_string(op.state) + ": " + op.message};
    return {true, "nothing is"};
}
Seen refused(const Stage& stage, const Asked& asked) {
    const auto& all = stage.witness.refused;
    return {std::any_of(all.begin(), all.end(), [&](const auto& one) { return has(one, asked.text); }), joined(all)};
}
Seen refusals(const Stage& stage, const Asked& asked) {
    const auto& all = stage.witness.refused;
    return {all.size() >= asked.least && all.size() <= asked.most, joined(all)};
}

// ---- counts

Seen migrations(const Stage& stage, const Asked& asked) {
    return in_range(stage.cluster.world.migrations_started(), asked);
}
Seen starts(const Stage& stage, const Asked& asked) {
    unsigned all = 0;
    for (const auto& [vm, n] : stage.witness.starts) all += n;
    return in_range(all, asked);
}
Seen fencings(const Stage& stage, const Asked& asked) {
    return in_range(stage.witness.fencings, asked);
}
Seen switched_off(const Stage& stage, const Asked& asked) {
    return in_range(stage.witness.switched_off, asked);
}
Seen switched_on(const Stage& stage, const Asked& asked) {
    return in_range(stage.witness.switched_on, asked);
}
Seen hands(const Stage& stage, const Asked& asked) {
    return in_range(stage.witness.terms == 0 ? 0 : stage.witness.terms - 1, asked);
}
Seen daemon_starts(const Stage& stage, const Asked& asked) {
    return in_range(stage.cluster.starts(asked.host), asked);
}
Seen boots(const Stage& stage, const Asked& asked) {
    return in_range(stage.cluster.world.host(asked.host)->boots - 1, asked);
}

// ---- hosts

const PowerRecord* power_of(const Stage& stage, const HostId& host) {
    const auto found = stage.witness.power.find(host);
    return found == stage.witness.power.end() ? nullptr : &found->second;
}
Seen counts_as(const Stage& stage, const Asked& asked) {
    const PowerRecord* const record = power_of(stage, meant(stage, asked.host));
    const PowerState state = record == nullptr ? PowerState::on : record->state;
    return {to_string(state) == asked.words, to_string(state) + (record == nullptr ? "" : ": " + record->message)};
}
Seen quarantined(const Stage& stage, const Asked& asked) {
    const PowerRecord* const record = power_of(stage, asked.host);
    const bool so = record != nullptr && record->quarantined;
    return {so, so ? "it is" : "it is not"};
}
Seen power_says(const Stage& stage, const Asked& asked) {
    const PowerRecord* const record = power_of(stage, asked.host);
    return {record != nullptr && has(record->message, asked.text), record == nullptr ? "nothing" : record->message};
}
Seen has_power(const Stage& stage, const Asked& asked) {
    const bool so = stage.cluster.world.host(meant(stage, asked.host))->powered;
    return {so, so ? "it has" : "it has none"};
}
Seen has_no_power(const Stage& stage, const Asked& asked) {
    const Seen power = has_power(stage, asked);
    return {!power.met, power.seen};
}
Seen empty(const Stage& stage, const Asked& asked) {
    for (const auto& [vm, domain] : stage.cluster.world.host(meant(stage, asked.host))->domains)
        if (domain.active()) return {false, vm.value + " is on it"};
    return {true, "it is"};
}
Seen in_maintenance(const Stage& stage, const Asked& asked) {
    const bool so = stage.cluster.store.entries.contains("/ballast/maintenance/" + asked.host.value);
    return {so, so ? "it is" : "it is not"};
}
Seen registered(const Stage& stage, const Asked& asked) {
    const bool so = stage.cluster.store.entries.contains(cluster::agent_key(meant(stage, asked.host)));
    return {so, so ? "it is" : "it is not"};
}
Seen not_registered(const Stage& stage, const Asked& asked) {
    const Seen is = registered(stage, asked);
    return {!is.met, is.seen};
}

Seen registers(const Stage& stage, const Asked& asked) {
    return in_range(counted(stage.witness.registrations, asked.host), asked);
}

// ---- what is wrong just now

Seen whether(bool so) {
    return {so, so ? "it is so" : "it is not so"};
}
Seen unreachable(const Stage& stage, const Asked& asked) {
    return whether(!stage.cluster.world.host(meant(stage, asked.host))->reachable);
}
Seen apart(const Stage& stage, const Asked& asked) {
    return whether(stage.cluster.world.separated(asked.host, asked.other));
}
Seen stands_still(const Stage& stage, const Asked& asked) {
    return whether(stage.cluster.paused(asked.host));
}
Seen libvirtd_down(const Stage& stage, const Asked& asked) {
    return whether(!stage.cluster.world.host(asked.host)->libvirtd);
}
Seen store_unavailable(const Stage& stage, const Asked&) {
    return whether(stage.cluster.store.unavailable_until > stage.cluster.clock.now());
}

// ---- who leads

// By the store: whoever believes to lead may have been deposed.
std::string leader_in_store(const Stage& stage) {
    const auto entry = stage.cluster.store.entries.find(cluster::leader_key);
    return entry == stage.cluster.store.entries.end() ? "" : entry->second.value;
}
Seen leads(const Stage& stage, const Asked& asked) {
    const std::string leader = leader_in_store(stage);
    return {leader == asked.host.value, leader.empty() ? "nobody leads" : leader + " leads"};
}
Seen leads_not(const Stage& stage, const Asked& asked) {
    const std::string leader = leader_in_store(stage);
    return {!leader.empty() && leader != asked.host.value, leader.empty() ? "nobody leads" : leader + " leads"};
}
Seen somebody_leads(const Stage& stage, const Asked&) {
    const std::string leader = leader_in_store(stage);
    return {!leader.empty(), leader.empty() ? "nobody leads" : leader + " leads"};
}
Seen nobody_leads(const Stage& stage, const Asked&) {
    const std::string leader = leader_in_store(stage);
    return {leader.empty(), leader.empty() ? "nobody leads" : leader + " leads"};
}

// ---- alarms

std::vector<std::string> notes(const Stage& stage) {
    Daemon* const daemon = stage.leader();
    return daemon == nullptr ? std::vector<std::string>() : daemon->controller()->last_cycle().notes;
}
std::vector<std::string> alarms(const Stage& stage) {
    std::vector<std::string> all;
    for (const auto& [vm, op] : stage.witness.last)
        if ((op.alarm && !is_final(op.state)) || op.state == OperationState::failed)
            all.push_back(vm.value + ": " + op.message);
    for (const auto& [host, record] : stage.witness.power)
        if (record.alarm || record.quarantined) all.push_back(host.value + ": " + record.message);
    for (const std::string& note : notes(stage))
        if (note.starts_with("ALARM: ")) all.push_back(note.substr(7));
    return all;
}
Seen no_alarm(const Stage& stage, const Asked&) {
    const auto all = alarms(stage);
    return {all.empty(), joined(all)};
}
Seen some_alarm(const Stage& stage, const Asked& asked) {
    const auto all = alarms(stage);
    return {std::any_of(all.begin(), all.end(), [&](const auto& one) { return has(one, asked.text); }), joined(all)};
}
Seen alarm_about(const Stage& stage, const std::string& name) {
    const auto all = alarms(stage);
    return {std::any_of(all.begin(), all.end(), [&](const auto& one) { return has_word(one, name); }), joined(all)};
}
Seen vm_alarm(const Stage& stage, const Asked& asked) {
    return alarm_about(stage, asked.vm.value);
}
Seen host_alarm(const Stage& stage, const Asked& asked) {
    return alarm_about(stage, asked.host.value);
}
Seen some_note(const Stage& stage, const Asked& asked) {
    const auto all = notes(stage);
    return {std::any_of(all.begin(), all.end(), [&](const auto& one) { return has(one, asked.text); }), joined(all)};
}
Seen frozen(const Stage& stage, const Asked&) {
    Daemon* const daemon = stage.leader();
    const bool so = daemon != nullptr && daemon->controller()->fencing_frozen();
    return {so, so ? "it is" : "it is not"};
}
Seen plan_says(const Stage& stage, const Asked& asked) {
    Daemon* const daemon = stage.leader();
    std::vector<std::string> all;
    if (daemon != nullptr) {
        const Plan& plan = daemon->controller()->last_cycle().plan;
        for (const Rejection& one : plan.immovable)
            all.push_back(one.vm.value + ": " + explain(one.reason) +
                          (one.detail.empty() ? "" : " (" + one.detail + ")"));
        for (const Finding& one : plan.findings) all.push_back(one.host.value + ": " + one.text);
        for (const std::string& one : plan.warnings) all.push_back(one);
    }
    return {std::any_of(all.begin(), all.end(), [&](const auto& one) { return has(one, asked.text); }), joined(all)};
}

bool is_operation_state(const std::string& word) {
    return operation_state_from(word).has_value();
}
bool is_power_state(const std::string& word) {
    return power_state_from(word).has_value();
}

struct Row {
    const char* says;
    Seen (*at)(const Stage&, const Asked&);
    bool (*knows)(const std::string&) = nullptr;  // the word
};
constexpr Row rows[] = {
    {"$v runs on $h", runs_on},
    {"$v runs on $h or $o", runs_on_either},
    {"$v runs on another host than $h", runs_elsewhere},
    {"$v runs", runs},
    {"$v does not run", runs_not},
    {"$v runs twice", runs_twice},
    {"$v and $u share a host", runs_with},
    {"$v is paused on $h", paused_on},
    {"nothing of $v is left on $h", nothing_left},
    {"$v belongs to nobody", is_nobodys},
    {"$v belongs to $h", belongs_to},
    {"$v is started $t", started},
    {"$v is operated on $t", operated},
    {"the operation on $v is $w", operation_is, is_operation_state},
    {"the operation on $v is from $h to $o", operation_between},
    {"the operation on $v has been tried $t", attempts},
    {"the operation on $v says $q", operation_says},
    {"the reason of the operation on $v says $q", reason_says},
    {"nothing is under way", nothing_under_way},
    {"an order is refused with $q", refused},
    {"$r order(s) refused", refusals},
    {"$r migration(s)", migrations},
    {"$r start(s)", starts},
    {"$r fencing(s)", fencings},
    {"$r switching(s) off", switched_off},
    {"$r switching(s) on", switched_on},
    {"the lead changes hands $t", hands},
    {"the daemon of $h is started $t", daemon_starts},
    {"$h is rebooted $t", boots},
    {"$h counts as $w", counts_as, is_power_state},
    {"$h is quarantined", quarantined},
    {"the power of $h says $q", power_says},
    {"$h has power", has_power},
    {"$h has no power", has_no_power},
    {"$h is empty", empty},
    {"$h is in maintenance", in_maintenance},
    {"$h is registered", registered},
    {"$h is not registered", not_registered},
    {"$h registers $t", registers},
    {"$h is unreachable", unreachable},
    {"$h and $o do not reach each other", apart},
    {"the daemon of $h stands still", stands_still},
    {"libvirtd of $h is down", libvirtd_down},
    {"the store is unavailable", store_unavailable},
    {"somebody leads", somebody_leads},
    {"nobody leads", nobody_leads},
    {"$h leads", leads},
    {"$h does not lead", leads_not},
    {"there is no alarm", no_alarm},
    {"an alarm says $q", some_alarm},
    {"an alarm is about VM $v", vm_alarm},
    {"an alarm is about host $h", host_alarm},
    {"a note says $q", some_note},
    {"no host may be cut off", frozen},
    {"the plan says $q", plan_says},
};

void fill_range(Asked& asked, const std::string& text) {
    const auto number = [&](std::size_t from) { return static_cast<unsigned>(std::stoul(text.substr(from))); };
    constexpr unsigned any = ~0U;
    if (text == "no" || text == "never")
        asked.least = asked.most = 0;
    else if (text == "once")
        asked.least = asked.most = 1;
    else if (text == "twice")
        asked.least = asked.most = 2;
    else if (text.starts_with("at most "))
        asked.least = 0, asked.most = number(8);
    else if (text.starts_with("at least "))
        asked.least = number(9), asked.most = any;
    else
        asked.least = asked.most = number(0);
}

std::string underscored(std::string words) {
    std::replace(words.begin(), words.end(), ' ', '_');
    return words;
}

Asked asked_from(const Filled& filled) {
    Asked asked;
    for (const auto& [letter, text] : filled) {
        switch (letter) {
            case 'h': asked.host = {text}; break;
            case 'o': asked.other = {text}; break;
            case 'v': asked.vm = {text}; break;
            case 'q': asked.text = text.substr(1, text.size() - 2); break;
            case 'u': asked.other_vm = {text}; break;
            case 'w': asked.words = underscored(text); break;
            default: fill_range(asked, text);
        }
    }
    return asked;
}
}  // namespace

bool has_word(const std::string& text, const std::string& name) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        const auto outside = [&](std::size_t i) {
            return i >= text.size() || std::isalnum(static_cast<unsigned char>(text[i])) == 0;
        };
        if (outside(end) && (at == 0 || outside(at - 1))) return true;
    }
    return false;
}

std::optional<Look> look_from(const std::string& text) {
    for (const Row& row : rows) {
        const auto filled = match(row.says, text);
        if (!filled) continue;
        Look look{text, asked_from(*filled), row.at};
        if (row.knows == nullptr || row.knows(look.asked.words)) return look;
    }
    return std::nullopt;
}

std::vector<std::string> all_looks() {
    std::vector<std::string> all;
    for (const Row& row : rows) all.push_back(with_names(row.says));
    return all;
}

}  // namespace ballast::sim::vopr
