// Every key of policy.d/*.yaml. The defaults stand in policy/options.h with their sources; here is what an operator
// may write and what he is told about it.
#include <algorithm>

#include "config/health_table.h"
#include "config/names.h"
#include "config/option_table.h"
#include "config/quantities.h"
#include "config/rules_table.h"
#include "config/text.h"
#include "config/week_time.h"

namespace ballast::config {

namespace {

using policy::AdmissionOptions;
using policy::BalanceOptions;
using policy::BetweenSitesOptions;
using policy::Compression;
using policy::ConsolidationOptions;
using policy::CooldownOptions;
using policy::CpuMethod;
using policy::EstimatorOptions;
using policy::FailoverOptions;
using policy::ForecastOptions;
using policy::LimitOptions;
using policy::MaintenanceOptions;
using policy::MigrationOptions;
using policy::Mode;
using policy::Options;
using policy::OvercommitOptions;
using policy::OverloadOptions;
using policy::RepairOptions;
using policy::ReserveOptions;
using policy::Threshold;
using policy::TimeZone;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using Rows = std::vector<Option<Options>>;

Codec<Mode> mode() {
    return converted<Mode, std::string>(
        choice({to_string(Mode::observe), to_string(Mode::confirm), to_string(Mode::automatic)}),
        [](const std::string& word) { return *policy::mode_from(word); },
        [](const Mode& value) { return to_string(value); });
}

Codec<CpuMethod> cpu_method() {
    std::vector<std::string> words;
    for (const CpuMethod method : {CpuMethod::threshold, CpuMethod::iqr, CpuMethod::mad, CpuMethod::lr})
        words.push_back(to_string(method));
    return converted<CpuMethod, std::string>(
        choice(words),
        [words](const std::string& word) {
            return static_cast<CpuMethod>(std::find(words.begin(), words.end(), word) - words.begin());
        },
        [](const CpuMethod& value) { return to_string(value); });
}

// Limits may be from `least` to `most`.
template <class Section>
void add_threshold(Rows& rows, const std::string& key, Section Options::*section, Threshold Section::*member,
                   const std::string& sets, const std::string& clears, Codec<double> (*codec)(double, double) = ratio,
                   double least = 0.001, double most = 1) {
    rows.push_back(option<Options>(key + ".above", codec(least, most), field(section, member, &Threshold::above),
                                   sets + " when above this ..."));
    rows.push_back(option<Options>(key + ".for", duration(seconds{1}, hours{24}),
                                   field(section, member, &Threshold::persistence),
                                   "... for this long without a break"));
    rows.push_back(option<Options>(key + ".below", codec(0, most - least), field(section, member, &Threshold::below),
                                   clears + " when below this; has to be less than `above`"));
}

void add_overload_threshold(Rows& rows, const std::string& key, Threshold OverloadOptions::*member) {
    add_threshold(rows, "overload." + key, &Options::overload, member, "overloaded", "relieved");
}

void add_overload(Rows& rows) {
    rows.push_back(option<Options>("overload.enabled", boolean(), field(&Options::overload, &OverloadOptions::enabled),
                                   "relieve overloaded hosts at all; false still empties hosts in maintenance"));
    rows.push_back(option<Options>("overload.max_moves_per_cycle", count(1, 100),
                                   field(&Options::overload, &OverloadOptions::max_moves_per_cycle),
                                   "VMs moved before the hosts are measured again; more may overshoot"));
    add_overload_threshold(rows, "cpu", &OverloadOptions::cpu);
    rows.push_back(option<Options>("overload.cpu.method", cpu_method(),
                                   field(&Options::overload, &OverloadOptions::cpu_method),
                                   "threshold: `above` is the limit; iqr, mad, lr: lower where demand is restless"));
    rows.push_back(option<Options>("overload.cpu.safety", or_word(number(0.1, 10), "published"),
                                   field(&Options::overload, &OverloadOptions::cpu_safety),
                                   "how much restlessness counts; published: iqr 1.5, mad 2.5, lr 1.2"));
    rows.push_back(option<Options>("overload.cpu.floor", ratio(0.1, 1),
                                   field(&Options::overload, &OverloadOptions::cpu_floor),
                                   "no method sets the limit lower than this, nor higher than `above`"));
    add_overload_threshold(rows, "ready_time", &OverloadOptions::ready);
    add_overload_threshold(rows, "memory", &OverloadOptions::memory);
    add_overload_threshold(rows, "memory_pressure", &OverloadOptions::memory_pressure);
    add_threshold(rows, "overload.swap", &Options::overload, &OverloadOptions::swap, "overloaded", "relieved", rate,
                  0.001, 102400);
}

void add_estimator(Rows& rows) {
    using Method = EstimatorOptions::Method;
    const auto method = converted<Method, std::string>(
        choice({to_string(Method::ewma), to_string(Method::percentile)}),
        [](const std::string& word) { return word == to_string(Method::ewma) ? Method::ewma : Method::percentile; },
        [](const Method& value) { return to_string(value); });
    rows.push_back(option<Options>("estimator.method", method, field(&Options::estimator, &EstimatorOptions::method),
                                   "ewma: the smoothed mean; percentile: what it did not exceed for most of `window`"));
    rows.push_back(option<Options>("estimator.percentile", ratio(0.5, 1),
                                   field(&Options::estimator, &EstimatorOptions::percentile),
                                   "share of the window's five-minute means that may not exceed the estimate"));
    rows.push_back(option<Options>("estimator.window", duration(minutes{5}, hours{2}),
                                   field(&Options::estimator, &EstimatorOptions::window),
                                   "how far back the percentile looks"));
}

void add_forecast(Rows& rows) {
    rows.push_back(option<Options>("forecast.enabled", boolean(), field(&Options::forecast, &ForecastOptions::enabled),
                                   "relieve hosts before the hour in which they used to be overloaded"));
    rows.push_back(option<Options>("forecast.horizon", duration(minutes{15}, hours{12}),
                                   field(&Options::forecast, &ForecastOptions::horizon),
                                   "hours that begin within this are looked at"));
    rows.push_back(option<Options>("forecast.confidence", ratio(0.5, 1),
                                   field(&Options::forecast, &ForecastOptions::confidence),
                                   "share of the past working days (on a day off: days off, which are weekends and "
                                   "`holidays`) on which it was so"));
    rows.push_back(option<Options>(
        "forecast.time_zone",
        scalar<TimeZone>("time zone", false, load_time_zone, [](const TimeZone& zone) { return yaml_text(zone.name); }),
        field(&Options::forecast, &ForecastOptions::zone),
        "whose days and hours count, such as `Europe/Berlin`; another one begins anew"));
}

Codec<BalanceOptions::Objective> objective() {
    using Objective = BalanceOptions::Objective;
    return converted<Objective, std::string>(
        choice({to_string(Objective::used), to_string(Objective::headroom)}),
        [](const std::string& word) {
            return word == to_string(Objective::used) ? Objective::used : Objective::headroom;
        },
        [](const Objective& value) { return to_string(value); });
}

template <class V>
void add_balance(Rows& rows, const std::string& key, Codec<V> codec, V BalanceOptions::*member, std::string doc) {
    rows.push_back(
        option<Options>("balance." + key, std::move(codec), field(&Options::balance, member), std::move(doc)));
}

void add_balance(Rows& rows) {
    add_balance(rows, "enabled", boolean(), &BalanceOptions::enabled,
                "even out the load of hosts none of which is overloaded");
    add_balance(rows, "objective", objective(), &BalanceOptions::objective,
                "used: each host uses the same share of what it has; headroom: each has as much left as the others");
    add_balance(rows, "cpu_weight", ratio(0, 1), &BalanceOptions::cpu_weight, "what uneven CPU demand counts");
    add_balance(rows, "memory_weight", ratio(0, 1), &BalanceOptions::memory_weight, "what uneven memory use counts");
    add_threshold(rows, "balance.imbalance", &Options::balance, &BalanceOptions::imbalance, "uneven", "even");
    add_balance(rows, "min_gain", ratio(0, 1), &BalanceOptions::min_gain,
                "of the imbalance, that each move has to even out");
    add_balance<Duration>(rows, "payback", duration(minutes{1}, hours{24}), &BalanceOptions::payback,
                          "a move that takes this long, ten times its downtime included, has to even out all of 100%, "
                          "one that takes a hundredth of it 1%");
    add_balance(rows, "max_moves_per_cycle", count(1, 1000), &BalanceOptions::max_moves_per_cycle,
                "VMs moved before the hosts are measured again");
}

template <class V>
void add_repair(Rows& rows, const std::string& key, Codec<V> codec, V RepairOptions::*member, std::string doc) {
    rows.push_back(option<Options>("repair." + key, std::move(codec), field(&Options::repair, member), std::move(doc)));
}

void add_repair(Rows& rows) {
    add_repair(rows, "enabled", boolean(), &RepairOptions::enabled,
               "move VMs that are where a rule does not want them");
    add_repair(rows, "soft", boolean(), &RepairOptions::soft, "for rules that are only preferences as well");
    add_repair<Duration>(rows, "soft_cost", duration(seconds{1}, hours{1}), &RepairOptions::soft_cost,
                         "what each preference kept may cost: the move's duration and ten times its downtime");
    add_repair(rows, "max_moves_per_cycle", count(1, 1000), &RepairOptions::max_moves_per_cycle,
               "VMs moved before the next look");
}

template <class V>
void add_consolidation(Rows& rows, const std::string& key, Codec<V> codec, V ConsolidationOptions::*member,
                       std::string doc) {
    rows.push_back(option<Options>("consolidation." + key, std::move(codec), field(&Options::consolidation, member),
                                   std::move(doc)));
}

Codec<std::vector<HostId>> host_ids() {
    return converted<std::vector<HostId>, std::vector<std::string>>(
        list_of("host names", text("host name", check_name), 0),
        [](const std::vector<std::string>& names) {
            std::vector<HostId> hosts;
            for (const std::string& name : names) hosts.push_back({name});
            return hosts;
        },
        [](const std::vector<HostId>& hosts) {
            std::vector<std::string> names;
            for (const HostId& host : hosts) names.push_back(host.value);
            return names;
        });
}

// Its place is kept: only whoever knows the hosts can tell whether one of them is meant.
void add_never_off(Rows& rows) {
    rows.push_back(option<Options>("consolidation.never_off", host_ids(),
                                   field(&Options::consolidation, &ConsolidationOptions::never_off),
                                   "hosts that are neither emptied nor switched off"));
    auto& row = rows.back();
    row.read = [read = row.read](Options& options, const Node& node, Reader& reader) {
        options.consolidation.never_off_origin = reader.file() + ":" + std::to_string(node.line);
        options.consolidation.never_off_column = node.column;
        return read(options, node, reader);
    };
    row.merge = [merge = row.merge](Options& into, const Options& from) {
        merge(into, from);
        into.consolidation.never_off_origin = from.consolidation.never_off_origin;
        into.consolidation.never_off_column = from.consolidation.never_off_column;
    };
}

void add_consolidation(Rows& rows) {
    add_consolidation(rows, "enabled", boolean(), &ConsolidationOptions::enabled,
                      "run the VMs on few hosts while little is wanted, so that the others can be off");
    add_consolidation_windows(rows);
    add_consolidation(
        rows, "aggressiveness", number(0, 1), &ConsolidationOptions::aggressiveness,
        "0 keeps 4 standard deviations of a host's demand free above its mean, 1 keeps 1.5 and moves more");
    add_consolidation(rows, "min_hosts_on", count(1, 10000), &ConsolidationOptions::min_hosts_on,
                      "never fewer hosts are on");
    add_consolidation(rows, "spare_hosts", count(0, 10000), &ConsolidationOptions::spare_hosts,
                      "hosts that stay on although they are empty: room at once, without a boot");
    add_never_off(rows);
    add_consolidation<Duration>(rows, "min_time_on", duration(seconds{0}, hours{24 * 7}),
                                &ConsolidationOptions::min_time_on,
                                "a host that was switched on, or that a VM came to, is not emptied within this");
    add_consolidation<Duration>(rows, "watch", duration(seconds{0}, hours{2}), &ConsolidationOptions::watch,
                                "how long load is looked at before any host is emptied");
    add_consolidation<Duration>(rows, "min_time_off", duration(seconds{0}, hours{24 * 7}),
                                &ConsolidationOptions::min_time_off,
                                "a host stays off for this long, unless it is needed for overload, maintenance, the "
                                "reserve or a minimum above");
    add_consolidation(rows, "rotation_cost", ratio(0, 1), &ConsolidationOptions::rotation_cost,
                      "hosts whose VMs cost at most this much more to move than those of the cheapest host, and one VM "
                      "more at most, are off in turns; 0%: always the cheapest");
    add_consolidation(rows, "max_time_off", or_word(duration(hours{1}, hours{24 * 366}), "unlimited"),
                      &ConsolidationOptions::max_time_off,
                      "a host that was off for this long is switched on and takes the VMs of one that then has its "
                      "turn to be off");
    add_consolidation<Duration>(rows, "boot_time", duration(seconds{0}, hours{2}), &ConsolidationOptions::boot_time,
                                "a host takes VMs this long after it was switched on; with the forecast it is switched "
                                "on so much earlier than it is wanted");
    add_consolidation(rows, "max_moves_per_cycle", count(1, 1000), &ConsolidationOptions::max_moves_per_cycle,
                      "VMs moved before the hosts are measured again; a host with more VMs is not emptied");
}

void add_reserve(Rows& rows) {
    rows.push_back(option<Options>("reserve.cpu", ratio(0, 0.9), field(&Options::reserve, &ReserveOptions::cpu),
                                   "of the host's CPUs, kept free whatever is planned"));
    rows.push_back(option<Options>("reserve.memory", ratio(0, 0.9), field(&Options::reserve, &ReserveOptions::memory),
                                   "of the host's memory, kept free whatever is planned"));
    rows.push_back(option<Options>("reserve.memory_min", bytes(Bytes{0}, gib(16384)),
                                   field(&Options::reserve, &ReserveOptions::memory_min),
                                   "kept free even where the share above is less"));
}

void add_promises(Rows& rows) {
    rows.push_back(option<Options>("overcommit.cpu", or_word(number(0.1, 1000), "unlimited"),
                                   field(&Options::overcommit, &OvercommitOptions::cpu),
                                   "vCPUs of all VMs on a host, for each of its CPUs"));
    rows.push_back(option<Options>("overcommit.memory", ratio(0.1, 10),
                                   field(&Options::overcommit, &OvercommitOptions::memory),
                                   "memory of all VMs on a host, of its own less the reserve; above 100% a VM needs "
                                   "free what it uses, no longer what it could use"));
    rows.push_back(option<Options>("admission.host_failures", count(0, 100),
                                   field(&Options::admission, &AdmissionOptions::host_failures),
                                   "hosts that may be lost while all VMs still find memory"));
    rows.push_back(option<Options>("admission.largest_vm", boolean(),
                                   field(&Options::admission, &AdmissionOptions::largest_vm),
                                   "even then one host keeps room for the largest VM; relief does not use it up"));
}

void add_maintenance(Rows& rows) {
    rows.push_back(option<Options>("maintenance.return_home", boolean(),
                                   field(&Options::maintenance, &MaintenanceOptions::return_home),
                                   "VMs that left a host for its maintenance come back when that has ended, unless "
                                   "somebody moved them since"));
    rows.push_back(option<Options>("maintenance.within", duration(minutes{1}, hours{24 * 30}),
                                   field(&Options::maintenance, &MaintenanceOptions::within),
                                   "after the end of the maintenance; a VM that could not come back by then stays"));
}

// 64 is the number of ports libvirt opens for migrations to one host, 49152-49215 [libvirt 9.0 qemu.conf].
void add_limits(Rows& rows) {
    rows.push_back(option<Options>("limits.outgoing_per_host", count(1, 64),
                                   field(&Options::limits, &LimitOptions::outgoing_per_host),
                                   "migrations that leave one host at the same time"));
    rows.push_back(option<Options>("limits.incoming_per_host", count(1, 64),
                                   field(&Options::limits, &LimitOptions::incoming_per_host),
                                   "migrations that reach one host at the same time"));
    rows.push_back(option<Options>("limits.cluster", count(1, 1000), field(&Options::limits, &LimitOptions::cluster),
                                   "migrations at the same time in the whole cluster"));
}

template <class V>
void add_between_sites(Rows& rows, const std::string& key, Codec<V> codec, V BetweenSitesOptions::*member,
                       std::string doc) {
    rows.push_back(option<Options>("migration.between_sites." + key, std::move(codec),
                                   field(&Options::migration, &MigrationOptions::between_sites, member),
                                   std::move(doc)));
}

void add_between_sites(Rows& rows) {
    add_between_sites(rows, "bandwidth", or_word(rate(1, 102400), "as_within"),
                      &BetweenSitesOptions::bandwidth_mib_per_s,
                      "of one migration from site to site, its disks included; as_within: migration.bandwidth");
    add_between_sites(rows, "slots", count(1, 64), &BetweenSitesOptions::slots,
                      "migrations at the same time between two sites, both ways together");
    add_between_sites(rows, "copy_disks", boolean(), &BetweenSitesOptions::copy_disks,
                      "disks that the other site does not see are copied there; else their VMs stay");
    add_between_sites(rows, "network_disks", boolean(), &BetweenSitesOptions::network_disks,
                      "the other site reaches disks on rbd, iscsi, nfs and the like as well");
}

template <class V>
void add_failover(Rows& rows, const std::string& key, Codec<V> codec, V FailoverOptions::*member, std::string doc) {
    rows.push_back(
        option<Options>("failover." + key, std::move(codec), field(&Options::failover, member), std::move(doc)));
}

void add_failover(Rows& rows) {
    add_failover(rows, "enabled", boolean(), &FailoverOptions::enabled,
                 "cut off hosts that do not answer any more and start their VMs elsewhere, in mode automatic");
    // Below 5 s any hiccup of a switch would count.
    add_failover<Duration>(rows, "after", duration(seconds{5}, hours{1}), &FailoverOptions::after,
                           "nothing of the host, neither libvirt nor its kernel, has answered for this long");
    add_failover<Duration>(rows, "start_grace", duration(seconds{0}, hours{24}), &FailoverOptions::start_grace,
                           "a host that never answered since the daemon's start is given this long to boot");
    add_failover(rows, "bring_back", boolean(), &FailoverOptions::bring_back,
                 "switch a host that was cut off on again, once its VMs run elsewhere");
    add_failover(rows, "restarts_per_host", count(1, 64), &FailoverOptions::restarts_per_host,
                 "VMs that are being started on one host at the same time");
    add_failover(
        rows, "across_sites", boolean(), &FailoverOptions::across_sites,
        "start VMs of a dead host in another site where theirs has no room: those whose storage both sites share; "
        "room for the loss of hosts (`admission`) is then counted for all sites together");
}

void add_cooldown(Rows& rows) {
    rows.push_back(option<Options>("cooldown.vm", duration(seconds{0}, hours{24 * 30}),
                                   field(&Options::cooldown, &CooldownOptions::vm),
                                   "a VM that was moved is not moved again for relief within this"));
    rows.push_back(option<Options>("cooldown.no_return", duration(seconds{0}, hours{24 * 30}),
                                   field(&Options::cooldown, &CooldownOptions::no_return),
                                   "a VM that was moved does not go back to the host it left within this, but for "
                                   "maintenance"));
    rows.push_back(option<Options>("cooldown.after_failure", duration(seconds{0}, hours{24 * 30}),
                                   field(&Options::cooldown, &CooldownOptions::after_failure),
                                   "a VM whose migration failed is left alone for this long"));
    rows.push_back(option<Options>("cooldown.by_hand", duration(seconds{0}, hours{24 * 30}),
                                   field(&Options::cooldown, &CooldownOptions::by_hand),
                                   "a VM that an operator moved stays there for at least this long"));
}

template <class V>
void add_migration(Rows& rows, const std::string& key, Codec<V> codec, V MigrationOptions::*member, std::string doc) {
    rows.push_back(
        option<Options>("migration." + key, std::move(codec), field(&Options::migration, member), std::move(doc)));
}

constexpr Compression compressions[] = {Compression::none, Compression::xbzrle, Compression::mt, Compression::zlib,
                                        Compression::zstd};

Codec<Compression> compression() {
    std::vector<std::string> words;
    for (const Compression method : compressions) words.push_back(to_string(method));
    return converted<Compression, std::string>(
        choice(words),
        [](const std::string& word) {
            const auto named = [&](Compression method) { return to_string(method) == word; };
            return *std::find_if(std::begin(compressions), std::end(compressions), named);
        },
        [](const Compression& value) { return to_string(value); });
}

void add_migration_speed(Rows& rows) {
    // 1 MiB/s to 100 GiB/s: below, no VM ever arrives; above, no network card exists.
    add_migration(rows, "bandwidth", or_word(rate(1, 102400), "unlimited"), &MigrationOptions::bandwidth_mib_per_s,
                  "limit of one migration");
    add_migration(rows, "assumed_link", rate(1, 102400), &MigrationOptions::assumed_link_mib_per_s,
                  "what a prediction takes for the network when `bandwidth` is unlimited");
    add_migration(rows, "downtime_steps", list_of("durations", duration(milliseconds{1}, seconds{60}), 1),
                  &MigrationOptions::downtime_steps,
                  "pause allowed for the switch-over, raised step by step while a migration does not converge");
    add_migration(rows, "auto_converge", boolean(), &MigrationOptions::auto_converge,
                  "slow the guest down when it writes memory faster than the network carries it");
    add_migration(rows, "post_copy", boolean(), &MigrationOptions::post_copy,
                  "allow the switch to post-copy as a last resort; a network failure then pauses the guest");
    add_migration(rows, "post_copy_passes", or_word(count(1, 100), "after_steps"), &MigrationOptions::post_copy_passes,
                  "passes over the memory after which it switches; after_steps: when all of `downtime_steps` are used");
    add_migration<std::optional<Duration>>(
        rows, "post_copy_after", or_word(duration(seconds{1}, hours{24}), "never"), &MigrationOptions::post_copy_after,
        "time after which it switches, once one pass is done; never: however long it takes");
    add_migration(rows, "tls", boolean(), &MigrationOptions::tls,
                  "encrypt the migration stream; the hosts need certificates for it");
    add_migration(rows, "parallel_connections", count(0, 16), &MigrationOptions::parallel_connections,
                  "connections of one migration; 0 is one ordinary stream");
    add_migration(rows, "compression", compression(), &MigrationOptions::compression,
                  "of what is sent: xbzrle and mt for one stream, zlib and zstd for several connections");
    add_migration(
        rows, "copy_disks", boolean(), &MigrationOptions::copy_disks,
        "disks that are not on shared storage are copied when an operator moves their VM or empties its host");
}

void add_migration_patience(Rows& rows) {
    add_migration<Duration>(rows, "deadline_min", duration(seconds{10}, hours{24}), &MigrationOptions::deadline_min,
                            "a migration that takes longer than this, and than `deadline_per_gib` allows, is aborted");
    add_migration<Duration>(rows, "deadline_per_gib", duration(seconds{1}, hours{1}),
                            &MigrationOptions::deadline_per_gib, "time allowed per GiB of the VM's memory");
    add_migration(rows, "attempts", count(1, 10), &MigrationOptions::attempts,
                  "tries before a move is given up, on different targets where there are any");
    add_migration<Duration>(rows, "retry_delay", duration(seconds{1}, hours{1}), &MigrationOptions::retry_delay,
                            "wait before the second try; doubles with each further one");
}

template <class Section>
Constraint<Options> below_is_less(const std::string& section, Section Options::*part, Threshold Section::*member,
                                  std::string (*write)(double) = write_ratio) {
    return {{section + ".above", section + ".below"},
            [section, part, member, write](const Options& options) -> std::optional<std::string> {
                const Threshold& threshold = options.*part.*member;
                if (threshold.below < threshold.above) return std::nullopt;
                return "`" + section + ".below` (" + write(threshold.below) + ") has to be less than `" + section +
                       ".above` (" + write(threshold.above) + ")";
            }};
}

Constraint<Options> steps_rise() {
    return {{"migration.downtime_steps"}, [](const Options& options) -> std::optional<std::string> {
                const auto& steps = options.migration.downtime_steps;
                for (std::size_t i = 1; i < steps.size(); ++i) {
                    if (steps[i] > steps[i - 1]) continue;
                    return "`migration.downtime_steps` has to rise, but " + write_duration(steps[i]) + " follows " +
                           write_duration(steps[i - 1]);
                }
                return std::nullopt;
            }};
}

// QEMU refuses multifd with post-copy, after 7.2 had let it pass untested [QEMU migrate_caps_check].
Constraint<Options> no_parallel_post_copy() {
    return {{"migration.post_copy", "migration.parallel_connections"},
            [](const Options& options) -> std::optional<std::string> {
                if (!options.migration.post_copy || options.migration.parallel_connections == 0) return std::nullopt;
                return "`migration.post_copy` and `migration.parallel_connections` exclude each other; set one of them "
                       "only";
            }};
}

// QEMU refuses mt with multifd, which passes over xbzrle [7.2 migration.c, multifd.c]; zlib and zstd are multifd's.
Constraint<Options> compression_fits() {
    return {{"migration.compression", "migration.parallel_connections"},
            [](const Options& options) -> std::optional<std::string> {
                const Compression method = options.migration.compression;
                const bool parallel = options.migration.parallel_connections > 0;
                const bool for_parallel = method == Compression::zlib || method == Compression::zstd;
                if (method == Compression::none || parallel == for_parallel) return std::nullopt;
                if (parallel)
                    return "`migration.compression: " + to_string(method) +
                           "` works on one stream only; with `migration.parallel_connections` use zlib or zstd";
                return "`migration.compression: " + to_string(method) +
                       "` works on several connections only; set `migration.parallel_connections`, or use xbzrle or mt";
            }};
}

Rows rows() {
    Rows all = {option<Options>("mode", mode(), field(&Options::mode),
                                "observe: recommend only; confirm: wait for an operator's approval; automatic: act")};
    add_overload(all);
    add_repair(all);
    add_estimator(all);
    add_forecast(all);
    add_balance(all);
    add_consolidation(all);
    add_reserve(all);
    add_promises(all);
    add_maintenance(all);
    add_limits(all);
    add_failover(all);
    add_cooldown(all);
    add_migration_speed(all);
    add_migration_patience(all);
    add_between_sites(all);
    add_health(all);
    add_rules(all);
    return all;
}

}  // namespace

const Table<Options>& policy_table() {
    static const Table<Options> table = {
        "Policy: when hosts count as overloaded, what stays free, and how VMs are moved.",
        {{"overload", "When a host is overloaded and VMs leave it."},
         {"overload.cpu", "CPU demand, of the host's usable CPUs: all less `reserve.cpu`."},
         {"overload.ready_time", "Share of time that vCPUs wait for a CPU, mean over the host's VMs."},
         {"overload.memory", "Memory in use, of the host's memory."},
         {"overload.memory_pressure",
          "Share of time in which something waited for memory (Linux PSI); known of hosts on which a daemon runs."},
         {"repair", "Moving VMs whose placement breaks a rule or an owner's wish now."},
         {"overload.swap", "What the host reads back from swap, and guests whose balloon took memory from them."},
         {"estimator", "What a VM is taken to want where it is moved to."},
         {"forecast", "Relief before the overload, from what VMs wanted at this time of the last two weeks."},
         {"balance", "Evening out the load of hosts none of which is overloaded, when nothing else is to be done."},
         {"balance.imbalance", "Standard deviation of the hosts' load, CPU and memory by their weights."},
         {"consolidation",
          "Few hosts on while little is wanted, with the room of `reserve` and `admission` kept on those."},
         {"reserve", "Room that stays free on every host whatever is planned."},
         {"overcommit", "How much more may be promised to VMs than a host has."},
         {"admission", "Room for the loss of hosts, which balancing leaves alone; orders of an operator may use it."},
         {"maintenance", "What follows the maintenance of a host."},
         {"limits", "How many migrations run at the same time."},
         {"failover", "Hosts that do not answer any more: fencing them and starting their VMs elsewhere."},
         {"cooldown", "How long VMs are left alone after a move."},
         {"migration", "How a VM is moved."},
         {"migration.between_sites",
          "From one site to another, which only operators ask for. See docs/maintenance.md."},
         {"health",
          "What is done about hosts that fail although they answer: nothing, cordon (no VM comes), evacuate (those it "
          "has leave), evacuate_now (before all else, whatever cooldowns and windows say). See docs/faults.md."}},
        rows(),
        {below_is_less("overload.cpu", &Options::overload, &OverloadOptions::cpu),
         below_is_less("overload.ready_time", &Options::overload, &OverloadOptions::ready),
         below_is_less("overload.memory", &Options::overload, &OverloadOptions::memory),
         below_is_less("overload.memory_pressure", &Options::overload, &OverloadOptions::memory_pressure),
         below_is_less("overload.swap", &Options::overload, &OverloadOptions::swap, write_rate),
         below_is_less("balance.imbalance", &Options::balance, &BalanceOptions::imbalance), steps_rise(),
         no_parallel_post_copy(), compression_fits()}};
    return table;
}

}  // namespace ballast::config
