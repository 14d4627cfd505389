#include "sim/vopr/scenario.h"

#include <algorithm>
#include <optional>
#include <random>

namespace ballast::sim::vopr {

namespace {
using Kind = Event::Kind;
using namespace std::chrono_literals;

struct Draw {
    Kind kind;
    unsigned weight;
    const char* says;  // in a story: $h host, $o other host, $v VM, $f fault, $l how long, $d delay, $n count
};
constexpr Draw draws[] = {
    {Kind::migrate, 30, "an operator has $v moved to $h ($f)"},
    {Kind::maintenance, 4, "$h is in maintenance for $l"},
    {Kind::confirm_lost, 4, "a person confirms that the hosts without power are off"},
    {Kind::switch_off, 3, "an operator has $h switched off"},
    {Kind::switch_on, 3, "an operator has $h switched on"},
    {Kind::kill, 5, "the daemon of $h is killed"},
    {Kind::kill_at, 6, "the daemon of $h is killed at its call $n from now"},
    {Kind::pause, 4, "the daemon of $h stands still for $l"},
    {Kind::pause_at, 8, "the daemon of $h stands still at its call $n from now, for $l"},
    {Kind::pause_leader, 5, "the leader stands still for $l"},
    {Kind::kill_leader_at, 8, "the leader is killed at its call $n from now"},
    {Kind::pause_leader_at, 8, "the leader stands still at its call $n from now, for $l"},
    {Kind::power_cut, 8, "$h has no power for $l"},
    {Kind::cut_off, 6, "$h is cut off the network for $l"},
    {Kind::separate, 3, "$h and $o do not reach each other for $l"},
    {Kind::libvirtd_restart, 3, "libvirtd of $h restarts"},
    {Kind::step_wall_clock, 3, "the wall clock of $h is stepped by $l"},
    {Kind::link_cut, 4, "$h does not reach the store for $l"},
    {Kind::link_deaf, 4, "$h hears no answer of the store for $l"},
    {Kind::link_loses_replies, 6, "$h hears no answer to its next $n commits, which are applied $d later"},
    {Kind::link_stale, 4, "$h reads what is up to $d old, for $l"},
    {Kind::link_lies, 3, "keepalives of $h succeed whatever is the case, for $l"},
    {Kind::watches_silent, 4, "watches of $h are silent for $l"},
    {Kind::watches_doubled, 2, "$h hears the next $n events twice"},
    {Kind::watches_lost, 4, "$h does not hear the next $n events"},
    {Kind::watches_late, 3, "$h hears events $d late, for $l"},
    {Kind::compact, 2, "the store is compacted"},
    {Kind::revoke_leader, 4, "the leader's lease is revoked before its time"},
    {Kind::revoke_agent, 5, "the lease of the agent of $h is revoked before its time"},
    {Kind::leases_late, 3, "leases last up to $d longer, for $l"},
    {Kind::store_unavailable, 3, "the store is unavailable for $l"},
    {Kind::store_full, 2, "the store is full for $l"},
    {Kind::store_loses_replies, 3, "the store's answers to the next $n commits are lost, which are applied $d later"},
    {Kind::bmc_dead, 4, "the BMC of $h is dead for $l"},
    {Kind::bmc_lies, 2, "the BMC of $h says off $n times"},
    {Kind::bmc_ignores, 2, "the BMC of $h ignores the next $n orders to switch on"},
    {Kind::moved_by_hand, 4, "somebody moves $v to $h by hand"},
    {Kind::guest_shuts_down, 2, "$v is shut down from inside"},
    // Of those that are written only, none is drawn.
    {Kind::ask, 0, "an operator asks for $v to be moved to $h"},
    {Kind::maintenance_begins, 0, "$h is put into maintenance"},
    {Kind::maintenance_ends, 0, "the maintenance of $h ends"},
    {Kind::cancel, 0, "an operator cancels the operation on $v"},
    {Kind::approve, 0, "an operator approves the operation on $v"},
    {Kind::forget, 0, "an operator takes care of $v"},
    {Kind::hold, 0, "an operator pauses Ballast"},
    {Kind::go_on, 0, "an operator lets Ballast go on"},
    {Kind::mode, 0, "an operator sets the mode to $w"},
    {Kind::fence, 0, "an operator has $h cut off from power"},
    {Kind::release, 0, "an operator releases the power of $h"},
    {Kind::libvirtd_down, 0, "libvirtd of $h is down for $l"},
    {Kind::calls_time_out, 0, "calls to libvirtd of $h time out for $l"},
    {Kind::starts_fail, 0, "no guest can be started on $h for $l"},
    {Kind::pause_fencing, 0, "when the leader cuts a host off the next time, it stands still $d later, for $l"},
    {Kind::link_cut_fencing, 0, "when the leader cuts a host off the next time, it loses the store $d later, for $l"},
    {Kind::starts_slow, 0, "each start of a guest on $h takes $d, for $l"},
    {Kind::store_restored, 0, "the store is restored from a backup that is $d old, with no daemon running for $l"},
    {Kind::unwell, 0, "$h reports $w for $l"},
    {Kind::bmc_of_another, 0, "the BMC of $h is that of another machine for $l"},
    {Kind::button_ignored, 0, "the system of $h does not go down when asked to, for $l"},
    {Kind::guest_killed, 0, "the QEMU of $v is killed"},
    {Kind::guest_wants, 0, "$v wants $n CPUs from now on"},
    {Kind::migration_meets, 0, "the next migration of $v will meet: $f"},
    {Kind::events_disturbed, 0, "events of libvirt are lost and doubled for $l"},
};

constexpr Duration settled = 30s;  // by then somebody leads, and what runs is on record
// Of a hundred scenarios; the load is watched for minutes before a host is emptied.
constexpr unsigned long_ones = 2, consolidating_ones = 4, richer_ones = 30;

// Not std::uniform_int_distribution: what that draws is up to the library.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <class T>
    const T& one_of(const std::vector<T>& all) {
        return all[below(all.size())];
    }
    /// Short ones are as likely as long ones.
    Duration duration(Duration least, Duration most) {
        const Duration middle = least + (most - least) / 10;
        if (chance(50)) return Duration(static_cast<Duration::rep>(between(least.count(), middle.count())));
        return Duration(static_cast<Duration::rep>(between(least.count(), most.count())));
    }

private:
    std::mt19937_64 engine_;
};

Duration lasting(Kind kind, Dice& dice) {
    switch (kind) {
        case Kind::pause:
        case Kind::pause_at:
        case Kind::pause_leader_at:
        case Kind::pause_leader: return dice.duration(1s, 60s);
        case Kind::step_wall_clock: return dice.chance(50) ? Duration(1h) : Duration(-1h);
        case Kind::power_cut: return dice.duration(5s, 10min);
        case Kind::cut_off:
        case Kind::separate: return dice.duration(2s, 5min);
        case Kind::maintenance:
        case Kind::bmc_dead: return dice.duration(1min, 20min);
        case Kind::store_unavailable:
        case Kind::store_full: return dice.duration(2s, 1min);
        default: return dice.duration(2s, 2min);
    }
}

unsigned counting(Kind kind, Dice& dice) {
    switch (kind) {
        case Kind::kill_at:
        case Kind::pause_at:
        case Kind::pause_leader_at:
        case Kind::kill_leader_at: return static_cast<unsigned>(dice.between(1, dice.chance(50) ? 30 : 300));
        default: return static_cast<unsigned>(dice.between(1, 5));
    }
}

Kind draw_kind(Dice& dice) {
    std::uint64_t sum = 0;
    for (const Draw& draw : draws) sum += draw.weight;
    std::uint64_t at = dice.below(sum);
    for (const Draw& draw : draws) {
        if (at < draw.weight) return draw.kind;
        at -= draw.weight;
    }
    return Kind::kill;
}

// All is drawn, whatever the kind needs.
Event draw_event(const Scenario& scenario, Dice& dice, std::optional<Duration> before) {
    static const std::vector<Fault> faults = all_faults();
    Event event;
    event.kind = draw_kind(dice);
    event.at = settled + Duration(static_cast<Duration::rep>(dice.below((scenario.length - settled).count())));
    // What goes wrong while something else does is what nobody has thought of.
    const Duration soon = dice.duration(0ms, 30s);
    if (dice.chance(60) && before && *before + soon < scenario.length) event.at = *before + soon;
    event.host = dice.one_of(scenario.hosts);
    do event.other = dice.one_of(scenario.hosts);
    while (event.other == event.host);
    event.vm = dice.one_of(scenario.guests).vm;
    event.lasts = lasting(event.kind, dice);
    event.late = dice.duration(0ms, 20s);
    event.count = counting(event.kind, dice);
    if (event.kind == Kind::migrate && dice.chance(60)) event.fault = dice.one_of(faults);
    return event;
}

const char* sentence_of(Kind kind) {
    for (const Draw& draw : draws)
        if (draw.kind == kind) return draw.says;
    return "unknown";
}
}  // namespace

std::vector<Sentence> sentences() {
    std::vector<Sentence> all;
    for (const Draw& draw : draws) all.push_back({draw.kind, draw.says});
    return all;
}

std::string to_string(const Event& event) {
    std::string text;
    for (const char* at = sentence_of(event.kind); *at != 0; ++at) {
        if (*at != '$') {
            text += *at;
            continue;
        }
        switch (*++at) {
            case 'h': text += event.host.value; break;
            case 'o': text += event.other.value; break;
            case 'v': text += event.vm.value; break;
            case 'f': text += sim::to_string(event.fault); break;
            case 'l': text += std::to_string(event.lasts.count()) + " ms"; break;
            case 'd': text += std::to_string(event.late.count()) + " ms"; break;
            case 'w': text += event.word; break;
            default: text += std::to_string(event.count);
        }
    }
    return text;
}

std::string to_string(const Scenario& scenario) {
    std::string text = "seed " + std::to_string(scenario.seed) + ": " + std::to_string(scenario.hosts.size()) +
                       " hosts, " + std::to_string(scenario.length / 1min) + " minutes" +
                       (scenario.consolidates ? ", with consolidation\n" : "\n");
    for (const Guest& guest : scenario.guests)
        text += "  " + guest.vm.value + " on " + guest.on.value + ", " + std::to_string(guest.memory_gib) + " GiB" +
                (guest.persistent ? "" : ", transient") + (guest.autostart ? ", autostart\n" : "\n");
    for (const Event& event : scenario.events)
        text += "  " + std::to_string(event.at.count()) + " ms " + to_string(event) + "\n";
    return text;
}

// With dice of its own, so that the others stay the stories they are.
void enrich(Scenario& scenario) {
    Dice dice(scenario.seed ^ 0x9e3779b97f4a7c15);
    if (!dice.chance(richer_ones)) return;
    const bool by_itself = dice.chance(40), restored = dice.chance(15), slow = dice.chance(50),
               one_place = dice.chance(50);
    for (Guest& guest : scenario.guests) guest.autostart = by_itself && guest.persistent && dice.chance(50);
    const HostId place = dice.one_of(scenario.hosts);
    for (Event& event : scenario.events)
        if (one_place && event.other != place && dice.chance(50)) event.host = place;
    for (const HostId& host : scenario.hosts) {
        Event start;
        start.kind = Kind::starts_slow;
        start.at = settled;
        start.host = host;
        start.lasts = scenario.length;
        start.late = dice.duration(1s, 30s);
        if (slow && dice.chance(60)) scenario.events.push_back(start);
    }
    for (const Kind kind : {Kind::pause_fencing, Kind::link_cut_fencing}) {
        Event in_mid_fencing;
        in_mid_fencing.kind = kind;
        in_mid_fencing.at = settled;
        in_mid_fencing.late = dice.duration(0ms, 10s);
        in_mid_fencing.lasts = dice.duration(10s, 60s);
        if (dice.chance(40)) scenario.events.push_back(in_mid_fencing);
    }
    Event restore;
    restore.kind = Kind::store_restored;
    restore.at = settled + Duration(static_cast<Duration::rep>(dice.below((scenario.length - settled).count())));
    restore.late = dice.duration(1s, restore.at);
    restore.lasts = dice.duration(15s, 2min);
    if (restored) scenario.events.push_back(restore);
}

Scenario draw(std::uint64_t seed) {
    Dice dice(seed);
    Scenario scenario;
    scenario.seed = seed;
    const std::uint64_t hosts = dice.between(3, 5), guests = dice.between(3, 10), events = dice.between(5, 40);
    for (std::uint64_t i = 1; i <= hosts; ++i) scenario.hosts.push_back({"h" + std::to_string(i)});
    for (std::uint64_t i = 1; i <= guests; ++i) {
        Guest guest{{"vm" + std::to_string(i)}, dice.one_of(scenario.hosts), dice.between(1, 8), 0, true};
        guest.dirty_mib_per_s = static_cast<double>(dice.chance(80) ? dice.below(200) : dice.below(1500));
        guest.persistent = dice.chance(85);
        scenario.guests.push_back(std::move(guest));
    }
    // Most of what goes wrong together does so within minutes, so that many short runs find more than few long ones.
    scenario.consolidates = dice.chance(consolidating_ones);
    scenario.length = dice.chance(long_ones)  ? dice.duration(10min, 60min)
                      : scenario.consolidates ? dice.duration(5min, 20min)
                                              : dice.duration(2min, 6min);
    for (std::uint64_t i = 0; i < events; ++i) {
        const auto before = scenario.events.empty() ? std::nullopt : std::optional(scenario.events.back().at);
        scenario.events.push_back(draw_event(scenario, dice, before));
    }
    enrich(scenario);
    std::stable_sort(scenario.events.begin(), scenario.events.end(),
                     [](const Event& one, const Event& other) { return one.at < other.at; });
    return scenario;
}

}  // namespace ballast::sim::vopr
