// What an operator may set about deciding and moving. Plain values with the shipped defaults; config/ fills them
// from policy.d/*.yaml and docs/policy.md describes each key. All ratios are 0-1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"
#include "policy/civil_time.h"
#include "policy/consolidation/options.h"

namespace ballast::policy {

using ballast::to_string;  // or to_string(Mode) would hide that of Duration, whose namespace is std::chrono

enum class Mode { observe, confirm, automatic };
std::string to_string(Mode mode);
std::optional<Mode> mode_from(const std::string& name);

/// A condition with hysteresis: it sets when the value stays above `above` for `persistence`, and clears when the
/// value falls below `below`.
struct Threshold {
    double above = 1;
    double below = 1;
    Duration persistence = std::chrono::minutes{5};
};

/// What is compared with which limit to call a host's CPU overloaded [A. Beloglazov, R. Buyya, CCPE 24(13), 2012,
/// section 5]. All but the first adapt the limit to the host's last two hours: the more restless it was, the more room
/// it keeps.
enum class CpuMethod {
    threshold,  // demand, with `above`
    iqr,        // demand, with 1 - safety * interquartile range
    mad,        // demand, with 1 - safety * median absolute deviation
    lr,         // the demand a local regression expects in five minutes, with 1 / safety
};
std::string to_string(CpuMethod method);

struct OverloadOptions {
    bool enabled = true;
    // Of the usable CPUs: with the default reserve, 81 % of all [VMware DPM acts on 81 %, vSphere Resource Management].
    // Nobody waits yet at that load, and bursts are over within ten minutes: what hurts earlier shows as ready time.
    Threshold cpu{0.90, 0.75, std::chrono::minutes{10}};
    CpuMethod cpu_method = CpuMethod::threshold;
    std::optional<double> cpu_safety;  // none: the published best of the method, see published_safety()
    // An adapted limit is never above cpu.above nor below this: a single outlier would else empty an idle host.
    double cpu_floor = 0.70;
    // 5 % CPU Ready per vCPU is VMware's usual warning level, 10 % its critical one.
    Threshold ready{0.05, 0.02, std::chrono::minutes{5}};
    Threshold memory{0.92, 0.85, std::chrono::minutes{5}};
    // PSI memory "some" avg10; only hosts whose kernel is local report it.
    Threshold memory_pressure{0.20, 0.05, std::chrono::minutes{5}};
    // MiB/s read back from swap. Pages that nobody needs rest there and hurt nobody; 1 MiB/s is 256 faults a second
    // that wait for a disk, and after five minutes it is not an application that woke up.
    Threshold swap{1, 0.1, std::chrono::minutes{5}};
    unsigned max_moves_per_cycle = 4;  // do not overshoot: measure again before moving more
};

/// What a VM is taken to want where it is moved to. What it wants where it is stays the smoothed demand.
struct EstimatorOptions {
    enum class Method {
        ewma,        // the exponentially weighted mean, as everywhere else
        percentile,  // what it did not exceed for most of `window`, at least the mean
    };
    Method method = Method::ewma;
    double percentile = 0.90;
    Duration window = std::chrono::hours{2};  // at most what is remembered, see policy/demand_history.h
};
std::string to_string(EstimatorOptions::Method method);

/// Relief before the overload, of hosts that were overloaded at this time of the day before.
struct ForecastOptions {
    bool enabled = false;                      // docs/policy.md has the figures
    Duration horizon = std::chrono::hours{1};  // hours that begin within this
    double confidence = 0.8;                   // share of the past days on which it was so
    TimeZone zone;                             // whose days: people get up by their clocks
};

/// Evening out the load of hosts none of which is overloaded.
struct BalanceOptions {
    enum class Objective {
        used,      // each host uses the same share of what it has
        headroom,  // each host has as much left as the others
    };
    bool enabled = true;
    Objective objective = Objective::used;
    double cpu_weight = 1;
    double memory_weight = 0.5;  // memory that is there does not slow anybody down; CPU that is shared does
    // Standard deviation over the hosts. 0.15 is hosts at 40 % beside hosts at 70 %: nobody suffers yet, so it is only
    // answered when it lasts.
    Threshold imbalance{0.15, 0.10, std::chrono::minutes{15}};
    double min_gain = 0.005;                      // of the imbalance, by each move
    Duration payback = std::chrono::minutes{30};  // a move that costs 18 s has to even out 0.01 to be worth it
    unsigned max_moves_per_cycle = 4;
};
std::string to_string(BalanceOptions::Objective objective);

/// Moving VMs whose placement breaks a rule or an owner's wish now.
struct RepairOptions {
    bool enabled = true;
    bool soft = false;                             // soft rules as well, where that is cheap
    Duration soft_cost = std::chrono::minutes{1};  // what a soft rule kept may cost: duration and ten times downtime
    unsigned max_moves_per_cycle = 4;
};

/// Room that stays free on every host whatever is planned.
struct ReserveOptions {
    double cpu = 0.10;            // of the host's CPUs
    double memory = 0.05;         // of the host's memory
    Bytes memory_min = mib(512);  // and never less than this
};

/// How much more may be promised to VMs than a host has.
struct OvercommitOptions {
    std::optional<double> cpu;  // vCPUs per CPU of the host; none: no limit
    double memory = 1;  // memory of all VMs, of the host's; above 1 a newcomer needs what it uses, not its maximum
};

/// Room that relief and everything else that is done for balance has to leave. Orders of an operator may use it.
struct AdmissionOptions {
    unsigned host_failures = 0;  // hosts that may be lost while all VMs still find room
    bool largest_vm = false;     // and one host has room for the largest VM in one piece
};

/// After a host's maintenance.
struct MaintenanceOptions {
    bool return_home = false;  // its VMs come back: moves that nobody suffers without, for the operator to ask for
    // One that has not come by then stays where it is: a day has every window once, and sees most loads ebb.
    Duration within = std::chrono::hours{24};
};

struct LimitOptions {
    unsigned outgoing_per_host = 2;
    unsigned incoming_per_host = 2;
    unsigned cluster = 5;
};

struct CooldownOptions {
    Duration vm = std::chrono::minutes{30};      // the same VM is not moved again for relief within this
    Duration no_return = std::chrono::hours{1};  // nor back to the host it left
    Duration after_failure = std::chrono::minutes{5};
    Duration by_hand = std::chrono::hours{2};  // an operator's own move is respected for this long
};

/// Migrations from one site to another, which only operators ask for.
struct BetweenSitesOptions {
    std::optional<double> bandwidth_mib_per_s;  // of one migration, its disks included; none: as within a site
    unsigned slots = 2;                         // at the same time between two sites: they share one line
    bool copy_disks = true;                     // those on storage that the other site does not see
    bool network_disks = false;                 // the other site reaches disks on rbd, iscsi, nfs and so on as well
};

/// What QEMU makes of memory on its way [libvirt VIR_MIGRATE_PARAM_COMPRESSION]: the first two of one ordinary stream,
/// the others of several connections.
enum class Compression { none, xbzrle, mt, zlib, zstd };
std::string to_string(Compression compression);

struct MigrationOptions {
    std::optional<double> bandwidth_mib_per_s;  // of one migration; none: unlimited
    double assumed_link_mib_per_s = 110;        // what a prediction assumes without a limit: 1 Gbit/s
    std::vector<Duration> downtime_steps = {Duration{100}, Duration{150}, Duration{200},
                                            Duration{300}, Duration{400}, Duration{500}};
    bool auto_converge = true;
    bool post_copy = false;  // a VM may also allow it for itself
    bool tls = false;
    unsigned parallel_connections = 0;
    Compression compression = Compression::none;
    std::optional<unsigned> post_copy_passes;  // over memory before post-copy; none: when all downtime steps are used
    std::optional<Duration> post_copy_after;   // since the start, one pass at least; none: however long it takes
    bool copy_disks = false;                   // within a site too, when an operator moves the VM or empties its host
    Duration deadline_min = std::chrono::seconds{300};
    Duration deadline_per_gib = std::chrono::seconds{150};
    unsigned attempts = 3;                            // on different targets where there are any
    Duration retry_delay = std::chrono::seconds{10};  // doubles with each attempt
    BetweenSitesOptions between_sites;
};

/// Names for several VMs or several hosts, used in rules as "group:NAME".
struct NamedGroup {
    std::string name;
    std::vector<std::string> vms;  // patterns; empty for a group of hosts
    std::vector<HostId> hosts;
};
inline constexpr const char* group_prefix = "group:";

/// VMs named by exact name, UUID, a pattern with * and ?, or a group.
struct Rule {
    enum class Kind { keep_apart, keep_together, pin, prefer, avoid, spread, never_move } kind = Kind::never_move;
    std::string name;
    std::vector<std::string> vms;
    std::vector<HostId> hosts;  // for pin, prefer and avoid; "group:NAME" stands for a group's
    std::string origin;         // file:line, for explanations
    int column = 1;             // and the column, for errors
    bool hard = true;           // false: only a preference among targets
    std::string over{};         // for spread: the label of hosts that tells failure domains; empty: each host is one
    unsigned at_most = 0;       // for spread: members in one domain; 0: as many as an even spread needs
};

/// When VMs may be moved. A VM named by windows with `allow` may be moved while any of them is open; none of those with
/// `deny` that name it may be.
struct Window {
    std::string name;
    std::vector<std::string> vms;
    std::vector<WeekSpan> allow, deny;
    TimeZone zone;
    bool maintenance = false;  // true: holds for hosts in maintenance too
    std::string origin;
    int column = 1;
    bool ignore_holidays = false;  // true: on Options::holidays as on any other day of that name; else as on a Sunday
};
std::string to_string(Rule::Kind kind);

struct Options;
/// The holidays that count as Sundays for this window.
const CalendarDays& holidays_of(const Window& window, const Options& options);

/// Times of the week at which hosts may be kept empty, and all of each holiday.
struct OpenTimes {
    std::string name;
    std::vector<WeekSpan> times;
    TimeZone zone;
    CalendarDays holidays{};  // besides those in Options::holidays
};

/// Running the VMs on few hosts while little is wanted, so that the others can be off.
struct ConsolidationOptions {
    bool enabled = false;            // it moves VMs that suffer from nothing: for the operator to ask for
    std::vector<OpenTimes> windows;  // none: always
    double aggressiveness = consolidation::Options{}.aggressiveness;
    unsigned min_hosts_on = 2;  // one host alone is lost with all VMs at once
    unsigned spare_hosts = 0;   // on and empty [oVirt's HostsInReserve: 0]; the margin of demand is kept anyway
    std::vector<HostId> never_off;
    std::string never_off_origin{};  // file:line, for errors
    int never_off_column = 1;
    // Load is looked at for so long before any host is emptied [VMware DPM: 40 minutes].
    Duration watch = std::chrono::minutes{40};
    // Before it is emptied or switched off; a boot and the moves there and back have to pay.
    Duration min_time_on = std::chrono::hours{1};
    Duration min_time_off = std::chrono::minutes{10};  // unless it is needed at once
    // What taking turns may cost: hosts whose VMs cost up to this much more to move than those of the cheapest one are
    // off in turns, so that it is not always the same one that is switched. Demand differs as much from hour to hour.
    double rotation_cost = 0.25;
    // Then another one takes its turn, so that it shows that it still comes: as long as a drill holds [PowerOptions].
    std::optional<Duration> max_time_off = std::chrono::hours{24 * 30};  // none: unlimited
    // From the command to switch it on until VMs can come to it: servers test their memory for minutes first.
    Duration boot_time = std::chrono::minutes{5};
    unsigned max_moves_per_cycle = 32;
};

/// Hosts that die: when one is taken to be dead, and what becomes of its VMs. See docs/faults.md.
struct FailoverOptions {
    bool enabled = true;  // acts in mode automatic only, and on hosts that can be cut off or that a person answers for
    // Nothing of the host has answered for so long. Switches that restart a port are silent for some 8 s.
    Duration after = std::chrono::seconds{12};
    // A host that never answered since this daemon's start: after a power cut of the whole cluster they boot one after
    // the other [safety.md].
    Duration start_grace = std::chrono::seconds{300};
    bool bring_back = true;          // switch a host on again once its VMs have been seen to
    unsigned restarts_per_host = 4;  // VMs that are being started on one host at the same time
    bool across_sites = false;       // to hosts of other sites as well, where all that a VM starts from is seen there
};

/// What is done about a host that fails although it answers, from least to most.
enum class HealthAction {
    nothing,       // it is told, no more
    cordon,        // no VM comes
    evacuate,      // and those it has leave, as for maintenance
    evacuate_now,  // before anything else, and whatever cooldowns and windows say
};
std::string to_string(HealthAction action);

/// What one check command of the daemon's means, where that is not what checks mean otherwise.
struct CheckAction {
    std::string name;
    HealthAction action = HealthAction::cordon;
    std::string origin{};  // file:line, for errors
    int column = 1;
};

/// What each source of health asks for. Emptied at once is what may take its VMs along at any moment; emptied, what is
/// on the way there; closed, what makes a host a bad place without harming those that are there.
struct HealthOptions {
    HealthAction memory_uncorrected = HealthAction::evacuate_now;
    HealthAction memory_corrected = HealthAction::evacuate;
    HealthAction machine_check = HealthAction::evacuate;
    HealthAction temperature = HealthAction::evacuate_now;  // the firmware cuts the power a few degrees later
    HealthAction disk = HealthAction::evacuate;
    HealthAction network = HealthAction::evacuate;
    HealthAction link = HealthAction::cordon;
    HealthAction storage = HealthAction::cordon;   // another path carries it
    HealthAction units = HealthAction::nothing;    // nobody here knows what they are for
    HealthAction pressure = HealthAction::cordon;  // relief moves VMs away by what it measures itself
    HealthAction libvirt = HealthAction::cordon;   // a migration away from there may fail as well
    HealthAction clock = HealthAction::nothing;    // closing hosts mends no clock
    HealthAction check = HealthAction::cordon;
    HealthAction unread = HealthAction::nothing;  // that nobody can look is no reason to move anything
    std::vector<CheckAction> checks;
};

struct Options {
    Mode mode = Mode::observe;
    OverloadOptions overload;
    RepairOptions repair;
    EstimatorOptions estimator;
    ForecastOptions forecast;
    BalanceOptions balance;
    ReserveOptions reserve;
    OvercommitOptions overcommit;
    AdmissionOptions admission;
    MaintenanceOptions maintenance;
    LimitOptions limits;
    CooldownOptions cooldown;
    MigrationOptions migration;
    std::vector<NamedGroup> groups;
    std::vector<Rule> rules;
    std::vector<Window> windows;
    CalendarDays holidays;  // days off beside weekends: little is wanted on them
    ConsolidationOptions consolidation;
    FailoverOptions failover;
    HealthOptions health;
};

/// Does the pattern (with * and ?) name this VM, by its name or its UUID?
bool matches(const std::string& pattern, const std::string& vm_name, const VmId& id);

}  // namespace ballast::policy
