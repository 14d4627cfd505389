// The option tables, the structs, the generated YAML, the shipped files and the documentation have to agree.
#include "config/render.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <sstream>
#include <tuple>

#include "config/load.h"
#include "config/option_table.h"
#include "config/week_time.h"
#include "tests/config/samples.h"

using namespace ballast;
using namespace ballast::config;

namespace {

// Each binding names every member: a new option does not compile here until somebody has thought of its table row.
bool same(const policy::Threshold& a, const policy::Threshold& b) {
    const auto& [above, below, persistence] = a;
    return std::tie(above, below, persistence) == std::tie(b.above, b.below, b.persistence);
}
bool same(const policy::OverloadOptions& a, const policy::OverloadOptions& b) {
    const auto& [enabled, cpu, method, safety, least, ready, memory, pressure, swap, moves] = a;
    return enabled == b.enabled && same(cpu, b.cpu) && same(ready, b.ready) && same(memory, b.memory) &&
           same(pressure, b.memory_pressure) && same(swap, b.swap) &&
           std::tie(method, safety, least, moves) ==
               std::tie(b.cpu_method, b.cpu_safety, b.cpu_floor, b.max_moves_per_cycle);
}
bool same(const policy::EstimatorOptions& a, const policy::EstimatorOptions& b) {
    const auto& [method, percentile, window] = a;
    return std::tie(method, percentile, window) == std::tie(b.method, b.percentile, b.window);
}
bool same(const policy::ForecastOptions& a, const policy::ForecastOptions& b) {
    const auto& [enabled, horizon, confidence, zone] = a;
    return std::tie(enabled, horizon, confidence, zone.name, zone.offsets) ==
           std::tie(b.enabled, b.horizon, b.confidence, b.zone.name, b.zone.offsets);
}
bool same(const policy::ReserveOptions& a, const policy::ReserveOptions& b) {
    const auto& [cpu, memory, memory_min] = a;
    return std::tie(cpu, memory, memory_min) == std::tie(b.cpu, b.memory, b.memory_min);
}
bool same(const policy::LimitOptions& a, const policy::LimitOptions& b) {
    const auto& [outgoing, incoming, cluster] = a;
    return std::tie(outgoing, incoming, cluster) == std::tie(b.outgoing_per_host, b.incoming_per_host, b.cluster);
}
bool same(const policy::CooldownOptions& a, const policy::CooldownOptions& b) {
    const auto& [vm, no_return, failure, hand] = a;
    return std::tie(vm, no_return, failure, hand) == std::tie(b.vm, b.no_return, b.after_failure, b.by_hand);
}
bool same(const policy::BetweenSitesOptions& a, const policy::BetweenSitesOptions& b) {
    const auto& [bandwidth, slots, copy_disks, network_disks] = a;
    return std::tie(bandwidth, slots, copy_disks, network_disks) ==
           std::tie(b.bandwidth_mib_per_s, b.slots, b.copy_disks, b.network_disks);
}
bool same(const policy::MigrationOptions& a, const policy::MigrationOptions& b) {
    const auto& [bandwidth, link, steps, converge, post_copy, tls, parallel, compression, passes, after, copy_disks,
                 minimum, per_gib, attempts, delay, between_sites] = a;
    return same(between_sites, b.between_sites) &&
           std::tie(compression, passes, after, copy_disks) ==
               std::tie(b.compression, b.post_copy_passes, b.post_copy_after, b.copy_disks) &&
           std::tie(bandwidth, link, steps, converge, post_copy, tls, parallel, minimum, per_gib, attempts, delay) ==
               std::tie(b.bandwidth_mib_per_s, b.assumed_link_mib_per_s, b.downtime_steps, b.auto_converge, b.post_copy,
                        b.tls, b.parallel_connections, b.deadline_min, b.deadline_per_gib, b.attempts, b.retry_delay);
}
bool same(const policy::Rule& a, const policy::Rule& b) {
    const auto& [kind, name, vms, hosts, origin, column, hard, over, at_most] = a;
    static_cast<void>(origin);  // names the file: differs by design
    static_cast<void>(column);
    return std::tie(kind, name, vms, hosts, hard, over, at_most) ==
           std::tie(b.kind, b.name, b.vms, b.hosts, b.hard, b.over, b.at_most);
}
bool same(const policy::NamedGroup& a, const policy::NamedGroup& b) {
    const auto& [name, vms, hosts] = a;
    return std::tie(name, vms, hosts) == std::tie(b.name, b.vms, b.hosts);
}
bool same(const policy::Window& a, const policy::Window& b) {
    const auto& [name, vms, allow, deny, zone, maintenance, origin, column, ignore_holidays] = a;
    static_cast<void>(origin);
    static_cast<void>(column);
    return std::tie(name, vms, allow, deny, zone.name, zone.offsets, maintenance, ignore_holidays) ==
           std::tie(b.name, b.vms, b.allow, b.deny, b.zone.name, b.zone.offsets, b.maintenance, b.ignore_holidays);
}
bool same(const policy::RepairOptions& a, const policy::RepairOptions& b) {
    const auto& [enabled, soft, cost, moves] = a;
    return std::tie(enabled, soft, cost, moves) == std::tie(b.enabled, b.soft, b.soft_cost, b.max_moves_per_cycle);
}
bool same(const policy::BalanceOptions& a, const policy::BalanceOptions& b) {
    const auto& [enabled, objective, cpu, memory, imbalance, gain, payback, moves] = a;
    return std::tie(enabled, objective, cpu, memory, gain, payback, moves) ==
               std::tie(b.enabled, b.objective, b.cpu_weight, b.memory_weight, b.min_gain, b.payback,
                        b.max_moves_per_cycle) &&
           same(imbalance, b.imbalance);
}
bool same(const policy::OpenTimes& a, const policy::OpenTimes& b) {
    const auto& [name, times, zone, holidays] = a;
    return std::tie(name, times, zone.name, zone.offsets, holidays) ==
           std::tie(b.name, b.times, b.zone.name, b.zone.offsets, b.holidays);
}
bool same(const RollingOptions& a, const RollingOptions& b) {
    const auto& [commands, command, empty, settle] = a;
    return std::tie(commands, command, empty, settle) ==
           std::tie(b.commands, b.command_timeout, b.empty_timeout, b.settle_timeout);
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b);
bool same(const policy::ConsolidationOptions& a, const policy::ConsolidationOptions& b) {
    // Where the list stood is not written: it is another place after it was.
    const auto& [enabled, windows, aggressiveness, on, spare, never_off, origin, column, watch, time_on, time_off,
                 rotation, most_off, boot, moves] = a;
    (void)origin, (void)column;
    return same(windows, b.windows) &&
           std::tie(enabled, aggressiveness, on, spare, never_off, watch, time_on, time_off, rotation, most_off, boot,
                    moves) == std::tie(b.enabled, b.aggressiveness, b.min_hosts_on, b.spare_hosts, b.never_off, b.watch,
                                       b.min_time_on, b.min_time_off, b.rotation_cost, b.max_time_off, b.boot_time,
                                       b.max_moves_per_cycle);
}
bool same(const policy::FailoverOptions& a, const policy::FailoverOptions& b) {
    const auto& [enabled, after, grace, back, restarts, across] = a;
    return std::tie(enabled, after, grace, back, restarts, across) ==
           std::tie(b.enabled, b.after, b.start_grace, b.bring_back, b.restarts_per_host, b.across_sites);
}
bool same(const policy::OvercommitOptions& a, const policy::OvercommitOptions& b) {
    const auto& [cpu, memory] = a;
    return std::tie(cpu, memory) == std::tie(b.cpu, b.memory);
}
bool same(const policy::AdmissionOptions& a, const policy::AdmissionOptions& b) {
    const auto& [failures, largest] = a;
    return std::tie(failures, largest) == std::tie(b.host_failures, b.largest_vm);
}
bool same(const policy::MaintenanceOptions& a, const policy::MaintenanceOptions& b) {
    const auto& [return_home, within] = a;
    return std::tie(return_home, within) == std::tie(b.return_home, b.within);
}
bool same(const HostOptions& a, const HostOptions& b) {
    const auto& [id, uri, peer_uri, storage, cpu_share, labels, target, idle, full, rest, site] = a;
    return std::tie(id, uri, peer_uri, storage, cpu_share, labels, target, idle, full, rest, site) ==
           std::tie(b.id, b.uri, b.peer_uri, b.shared_storage, b.cpu_share, b.labels, b.target, b.idle_watts,
                    b.full_watts, b.rest_of_host_watts, b.site);
}
bool same(const StoreOptions& a, const StoreOptions& b) {
    const auto& [kind, endpoints, prefix, ca, cert, key, user, password, timeout] = a;
    return std::tie(kind, endpoints, prefix, ca, cert, key, user, password, timeout) ==
           std::tie(b.kind, b.endpoints, b.prefix, b.ca_file, b.cert_file, b.key_file, b.user, b.password_file,
                    b.call_timeout);
}
bool same(const ClusterOptions& a, const ClusterOptions& b) {
    const auto& [enabled, time_to_live] = a;
    return std::tie(enabled, time_to_live) == std::tie(b.enabled, b.time_to_live);
}
bool same(const PageOptions& a, const PageOptions& b) {
    const auto& [listen, cert, key, users] = a;
    return std::tie(listen, cert, key, users) == std::tie(b.listen, b.cert_file, b.key_file, b.users_file);
}
bool same(const PowerOptions& a, const PowerOptions& b) {
    const auto& [broker, shutdown, boot, tries, drill] = a;
    return std::tie(broker, shutdown, boot, tries, drill) ==
           std::tie(b.broker, b.shutdown_timeout, b.boot_timeout, b.wake_tries, b.drill_every);
}
bool same(const policy::CheckAction& a, const policy::CheckAction& b) {
    const auto& [name, action, origin, column] = a;
    (void)origin, (void)column;
    return std::tie(name, action) == std::tie(b.name, b.action);
}
bool same(const policy::HealthOptions& a, const policy::HealthOptions& b) {
    const auto& [uncorrected, corrected, machine, temperature, disk, network, link, storage, units, pressure, libvirt,
                 clock, check, unread, checks] = a;
    return same(checks, b.checks) &&
           std::tie(uncorrected, corrected, machine, temperature, disk, network, link, storage, units, pressure,
                    libvirt, clock, check, unread) ==
               std::tie(b.memory_uncorrected, b.memory_corrected, b.machine_check, b.temperature, b.disk, b.network,
                        b.link, b.storage, b.units, b.pressure, b.libvirt, b.clock, b.check, b.unread);
}
bool same(const HealthCheck& a, const HealthCheck& b) {
    const auto& [name, command, hosts, deadline, after] = a;
    return std::tie(name, command, hosts, deadline, after) == std::tie(b.name, b.command, b.hosts, b.deadline, b.after);
}
bool same(const HealthWatchOptions& a, const HealthWatchOptions& b) {
    const auto& [interval, deadline, clear_after, probe, elsewhere, checks] = a;
    return same(checks, b.checks) && std::tie(interval, deadline, clear_after, probe, elsewhere) ==
                                         std::tie(b.interval, b.deadline, b.clear_after, b.probe, b.probe_elsewhere);
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const T& x, const T& y) { return same(x, y); });
}
bool same(const policy::Options& a, const policy::Options& b) {
    const auto& [mode, overload, repair, estimator, forecast, balance, reserve, overcommit, admission, maintenance,
                 limits, cooldown, migration, groups, rules, windows, holidays, consolidation, failover, health] = a;
    return mode == b.mode && same(overload, b.overload) && same(repair, b.repair) && same(estimator, b.estimator) &&
           same(forecast, b.forecast) && same(balance, b.balance) && same(reserve, b.reserve) &&
           same(overcommit, b.overcommit) && same(admission, b.admission) && same(maintenance, b.maintenance) &&
           same(limits, b.limits) && same(cooldown, b.cooldown) && same(migration, b.migration) &&
           same(groups, b.groups) && same(rules, b.rules) && same(windows, b.windows) && holidays == b.holidays &&
           same(consolidation, b.consolidation) && same(failover, b.failover) && same(health, b.health);
}
bool same(const DaemonOptions& a, const DaemonOptions& b) {
    const auto& [hosts, storage, interval, stale, deadline, state, history, socket, policy, admin, view, listen, per_vm,
                 page, log, proc, store, cluster, power, health, rolling, shutdown] = a;
    return same(hosts, b.hosts) && same(store, b.store) && same(cluster, b.cluster) && same(power, b.power) &&
           same(health, b.health) && same(rolling, b.rolling) && same(page, b.page) && shutdown == b.shutdown_wait &&
           std::tie(storage, interval, stale, deadline, state, history, socket, policy, admin, view, listen, per_vm,
                    log, proc) == std::tie(b.shared_storage, b.interval, b.stale_after, b.call_deadline, b.state_dir,
                                           b.history_size, b.socket, b.policy_dir, b.admin_group, b.view_group,
                                           b.metrics_listen, b.metrics_per_vm, b.log_level, b.proc_path);
}

/// Valid options made from a seed.
class Maker {
public:
    explicit Maker(unsigned seed) : random_(seed) {}

    policy::Options policy() {
        policy::Options made;
        made.mode = static_cast<policy::Mode>(below(3));
        made.overload = overload();
        made.estimator = estimator();
        made.forecast = forecast();
        made.balance = balance();
        made.reserve = {ratio(0, 0.9), ratio(0, 0.9), Bytes{below(1ULL << 40U)}};
        made.limits = {number(1, 5), number(1, 5), number(5, 1000)};
        made.cooldown = {duration(0, 86'400'000), duration(0, 86'400'000), duration(0, 86'400'000),
                         duration(0, 86'400'000)};
        made.migration = migration();
        if (coin()) made.overcommit.cpu = ratio(0.1, 20);
        made.overcommit.memory = ratio(0.1, 10);
        made.admission = {number(0, 100), coin()};
        made.maintenance = {coin(), duration(60'000, 86'400'000)};
        made.groups = {{"odd", {odd_text() + "3"}, {}}, {"two", {}, {HostId{"h1"}, HostId{"no"}}}};
        for (unsigned i = number(0, 4); i > 0; --i) made.rules.push_back(rule("rule-" + std::to_string(i)));
        for (unsigned i = number(0, 2); i > 0; --i) made.windows.push_back(window("window-" + std::to_string(i)));
        made.failover = {coin(), duration(5'000, 3'600'000), duration(0, 86'400'000), coin(), number(1, 64), coin()};
        made.consolidation = {coin(),
                              {},
                              ratio(0, 1),
                              number(1, 9),
                              number(0, 3),
                              {{"h1"}, {"null"}},
                              "",
                              1,
                              duration(0, 7'200'000),
                              duration(0, 86'400'000),
                              duration(0, 86'400'000),
                              ratio(0, 1),
                              coin() ? std::optional(duration(3'600'000, 86'400'000)) : std::nullopt,
                              duration(0, 7'200'000),
                              number(1, 1000)};
        for (unsigned i = number(0, 2); i > 0; --i)
            made.consolidation.windows.push_back(
                {"times-" + std::to_string(i), {span(), span()}, *load_time_zone("UTC"), holidays()});
        made.holidays = holidays();
        made.health = health();
        return made;
    }

    DaemonOptions daemon() {
        DaemonOptions made;
        for (unsigned i = number(0, 4); i > 0; --i) made.hosts.push_back(host(std::to_string(i)));
        if (coin()) made.shared_storage = {"/srv/vms", "/mnt/a b", "/odd/" + odd_text()};
        made.interval = duration(1000, 600'000);
        made.stale_after = made.interval + duration(1000, 3'000'000);
        made.call_deadline = duration(1000, 600'000);
        made.state_dir = "/var/" + odd_text();
        made.history_size = mib(number(1, 1000));
        made.socket = "/run/x.sock";
        made.policy_dir = "/etc/" + odd_text();
        made.admin_group = "true";
        made.view_group = "null";
        made.metrics_listen = coin() ? "" : "[::1]:" + std::to_string(number(1, 65535));
        made.metrics_per_vm = coin();
        if (coin())
            made.page = {"0.0.0.0:" + std::to_string(number(1, 65535)), "/c" + odd_text(), "/k", "/" + odd_text()};
        made.log_level = coin() ? "trace" : "error";
        made.proc_path = "/proc/" + odd_text();
        made.rolling = {{}, duration(1000, 86'400'000), duration(60'000, 86'400'000), duration(0, 86'400'000)};
        for (std::uint64_t i = below(3); i > 0; --i)
            made.rolling.commands["c" + std::to_string(i)] = {"/bin/c" + std::to_string(below(9)), "-x", "a: [b", "-x"};
        made.shutdown_wait = duration(0, 86'400'000);
        if (coin())
            made.store = {"etcd",  {"https://[::1]:1", "https://e-2.x:65535"},
                          "/0x10", "/ca/" + odd_text(),
                          "/c",    "/k",
                          "null",  "/" + odd_text(),
                          {}};
        made.store.call_timeout = duration(1000, 60'000);
        made.cluster.time_to_live = duration(3000, 300'000);
        made.power = {"/run/" + std::to_string(below(1000)) + ".sock", duration(10'000, 7'200'000),
                      duration(10'000, 7'200'000), number(1, 10), duration(3'600'000, 4'000'000'000)};
        made.health = {
            duration(1000, 600'000), duration(1000, 60'000), number(1, 100), {"/" + odd_text(), odd_text()}, {}, {}};
        if (coin()) made.health.probe_elsewhere = {"/probe", "{host}", "{host}"};
        for (unsigned i = number(0, 2); i > 0; --i)
            made.health.checks.push_back(
                {"check-" + std::to_string(i), {"/bin/x", odd_text(), ""}, {}, duration(1000, 60'000), number(1, 9)});
        return made;
    }

private:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool coin() { return below(2) == 1; }
    unsigned number(unsigned low, unsigned high) { return low + static_cast<unsigned>(below(high - low + 1)); }
    double ratio(double low, double high) { return low + (high - low) * static_cast<double>(below(1'000'000)) / 1e6; }
    Duration duration(unsigned low_ms, unsigned high_ms) { return Duration{number(low_ms, high_ms)}; }

    // Everything that YAML could take for something else.
    std::string odd_text() {
        static const std::vector<std::string> pieces = {
            "a", "Ä", "null", "true", "~", "*", "&x",   "?",   "# ",   ": ", "- ",  "\"", "'", "\\", "{",  "}", "[",
            "]", ",", "!t",   "|",    ">", "%", "0x10", "010", ".nan", "<<", "---", "@",  "`", " b", "1h", "€"};
        std::string text;
        for (unsigned i = number(1, 5); i > 0; --i) text += pieces[below(pieces.size())];
        return text;
    }

    policy::HealthAction action(std::uint64_t kinds = 4) { return static_cast<policy::HealthAction>(below(kinds)); }
    policy::HealthOptions health() {
        policy::HealthOptions made = {action(), action(), action(), action(), action(), action(),  action(), action(),
                                      action(), action(), action(), action(), action(), action(2), {}};
        for (unsigned i = number(0, 2); i > 0; --i) made.checks.push_back({"c" + std::to_string(i), action(), "", 1});
        return made;
    }

    policy::Threshold threshold() {
        const double above = ratio(0.1, 1);
        return {above, ratio(0, above * 0.99), duration(1000, 3'600'000)};
    }
    policy::OverloadOptions overload() {
        policy::OverloadOptions made;
        made.enabled = coin();
        made.cpu = threshold();
        made.cpu_method = static_cast<policy::CpuMethod>(below(4));
        if (coin()) made.cpu_safety = ratio(0.1, 10);
        made.cpu_floor = ratio(0.1, 1);
        made.ready = threshold();
        made.memory = threshold();
        made.memory_pressure = threshold();
        made.swap = {ratio(1, 100), ratio(0.001, 0.9), duration(1000, 3'600'000)};
        made.max_moves_per_cycle = number(1, 100);
        return made;
    }
    policy::EstimatorOptions estimator() {
        using Method = policy::EstimatorOptions::Method;
        return {coin() ? Method::ewma : Method::percentile, ratio(0.5, 1), duration(300'000, 7'200'000)};
    }
    policy::ForecastOptions forecast() {
        return {coin(), duration(900'000, 43'200'000), ratio(0.5, 1),
                coin() ? policy::TimeZone{} : *load_time_zone("Europe/Berlin")};
    }

    policy::BalanceOptions balance() {
        using Objective = policy::BalanceOptions::Objective;
        return {coin(),
                coin() ? Objective::used : Objective::headroom,
                ratio(0, 1),
                ratio(0, 1),
                threshold(),
                ratio(0, 1),
                duration(60'000, 3'600'000),
                number(1, 1000)};
    }

    policy::MigrationOptions migration() {
        policy::MigrationOptions made;
        if (coin()) made.bandwidth_mib_per_s = ratio(1, 2000);
        made.assumed_link_mib_per_s = ratio(1, 2000);
        made.downtime_steps.clear();
        for (unsigned i = 0; i < number(1, 6); ++i) made.downtime_steps.push_back(duration(1 + 100 * i, 100 + 100 * i));
        made.auto_converge = coin();
        made.post_copy = coin();
        made.tls = coin();
        made.parallel_connections = made.post_copy ? 0 : number(0, 16);
        using policy::Compression;
        if (coin())
            made.compression = made.parallel_connections > 0 ? (coin() ? Compression::zlib : Compression::zstd)
                                                             : (coin() ? Compression::xbzrle : Compression::mt);
        if (coin()) made.post_copy_passes = number(1, 100);
        if (coin()) made.post_copy_after = duration(1000, 86'400'000);
        made.copy_disks = coin();
        made.deadline_min = duration(10'000, 86'400'000);
        made.deadline_per_gib = duration(1000, 3'600'000);
        made.attempts = number(1, 10);
        made.retry_delay = duration(1000, 3'600'000);
        return made;
    }

    policy::Rule rule(std::string name) {
        using Kind = policy::Rule::Kind;
        policy::Rule made;
        made.kind = static_cast<Kind>(below(7));
        made.vms = {name + odd_text() + "1", name + odd_text() + "2"};  // of its own: it contradicts no other
        if (made.kind == Kind::prefer && coin()) made.vms.push_back("group:odd");
        made.name = std::move(name);
        const bool names_hosts = made.kind == Kind::pin || made.kind == Kind::prefer || made.kind == Kind::avoid;
        if (names_hosts) made.hosts = coin() ? std::vector<HostId>{{"h1"}, {"no"}} : std::vector<HostId>{{"group:two"}};
        if (made.kind == Kind::spread && coin()) made.over = "rack";
        if (made.kind == Kind::spread && coin()) made.at_most = number(1, 9);
        const bool either = made.kind != Kind::pin && made.kind != Kind::prefer && made.kind != Kind::never_move;
        made.hard = either ? coin() : made.kind != Kind::prefer;
        return made;
    }

    policy::CalendarDays holidays() {
        policy::CalendarDays days;
        if (coin()) days.push_back({0, number(1, 12), number(1, 29)});
        if (coin()) days.push_back({number(1, 9999), number(1, 12), number(1, 28)});
        return days;
    }
    policy::WeekSpan span() {
        const unsigned from = number(0, 1439);
        return {number(0, 6), number(0, 6), from, (from + number(1, 1400)) % 1440};
    }

    policy::Window window(std::string name) {
        policy::Window made;
        made.name = std::move(name);
        made.vms = {odd_text() + "4"};
        (coin() ? made.allow : made.deny) = {span()};
        made.zone = *load_time_zone(coin() ? "UTC" : "Europe/Berlin");
        made.maintenance = coin();
        return made;
    }

    HostOptions host(const std::string& number_text) {
        HostOptions made;
        made.id = HostId{"host" + number_text};
        made.uri = "qemu+ssh://host" + number_text + "/system";
        if (coin()) made.peer_uri = "qemu+tls://peer" + number_text + "/system";
        if (coin()) made.shared_storage = {"/srv/" + odd_text()};
        if (coin()) made.cpu_share = ratio(0.01, 1);
        if (coin()) made.idle_watts = number(1, 200);
        if (made.idle_watts) made.full_watts = number(200, 100000);
        if (coin()) made.rest_of_host_watts = number(0, 100000);
        if (coin()) made.labels = {{"rack", "r" + number_text}, {"null", "true"}, {"010", "1.5"}};
        made.target = coin();
        return made;
    }

    std::mt19937 random_;
};

// "#key: value" and "#    key: value" show defaults; "# words" is prose.
std::string uncommented(const std::string& text) {
    std::string active;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const bool shows_default = line.size() > 1 && line[0] == '#' && (line[1] != ' ' || line.starts_with("#    "));
        if (shows_default) active += line.substr(1) + "\n";
        if (!line.starts_with('#')) active += line + "\n";
    }
    return active;
}

template <class T>
void shows_every_default(const Table<T>& table, const std::string& text) {
    Diagnostics problems;
    Declared declared;
    const auto root = parse_yaml("shipped", uncommented(text), problems);
    INFO(to_string(problems));
    REQUIRE(root);
    T object;
    Reader reader("shipped", problems, declared);
    const auto given = read_map(table.options, *root, object, reader);
    for (const auto& option : table.options) {
        INFO(option.info.key << "\n" << to_string(problems));
        CHECK(given.contains(option.info.key));
        CHECK(option.write(object) == option.write(T{}));
    }
}

const std::string begin_mark =
    "<!-- reference: generated from the option table; BALLAST_WRITE_DOCS=1 test_config writes it -->\n";
const std::string end_mark = "<!-- end of reference -->\n";

void has_reference(const std::string& document, const std::string& reference) {
    const auto path = repository() / document;
    const std::string text = read_sample(path);
    const auto begin = text.find(begin_mark);
    const auto end = text.find(end_mark);
    REQUIRE(begin != std::string::npos);
    REQUIRE(end != std::string::npos);
    const auto start = begin + begin_mark.size();
    if (std::getenv("BALLAST_WRITE_DOCS") != nullptr) {
        std::ofstream(path) << text.substr(0, start) + reference + text.substr(end);
        return;
    }
    CHECK(text.substr(start, end - start) == reference);
}

}  // namespace

TEST_CASE("The defaults as YAML load as the defaults") {
    const auto policy = check_policy_text({{"p.yaml", policy_defaults_as_yaml()}});
    INFO(to_string(policy.problems()));
    REQUIRE(policy);
    CHECK(same(*policy, policy::Options{}));
    const auto daemon = check_daemon_text({"d.yaml", daemon_defaults_as_yaml()});
    INFO(to_string(daemon.problems()));
    REQUIRE(daemon);
    CHECK(same(*daemon, DaemonOptions{}));
}

TEST_CASE("Whatever a policy is, its YAML loads as the same policy") {
    for (unsigned seed = 1; seed <= 500; ++seed) {
        const auto made = Maker(seed).policy();
        const auto loaded = check_policy_text({{"p.yaml", to_yaml(made)}});
        INFO("seed " << seed << "\n" << to_string(loaded.problems()) << to_yaml(made));
        REQUIRE(loaded);
        REQUIRE(same(*loaded, made));
    }
}

TEST_CASE("Whatever a daemon's options are, their YAML loads as the same options") {
    for (unsigned seed = 1; seed <= 500; ++seed) {
        const auto made = Maker(seed).daemon();
        const auto loaded = check_daemon_text({"d.yaml", to_yaml(made)});
        INFO("seed " << seed << "\n" << to_string(loaded.problems()) << to_yaml(made));
        REQUIRE(loaded);
        REQUIRE(same(*loaded, made));
    }
}

TEST_CASE("Every row of the tables has a meaning and every section a heading") {
    for (const auto& option : policy_table().options) CHECK_FALSE(option.info.doc.empty());
    for (const auto& option : daemon_table().options) CHECK_FALSE(option.info.doc.empty());
    CHECK_THAT(policy_defaults_as_yaml(), !Catch::Contains("# \n"));
    CHECK_THAT(daemon_defaults_as_yaml(), !Catch::Contains("# \n"));
}

TEST_CASE("The shipped files load and show every key with its default") {
    const auto daemon = load_daemon_file(repository() / "config/ballast.yaml");
    INFO(to_string(daemon.problems()));
    REQUIRE(daemon);
    CHECK(same(*daemon, DaemonOptions{}));
    shows_every_default(daemon_table(), read_sample(repository() / "config/ballast.yaml"));
    const auto policy = load_policy_directory(repository() / "config/policy.d");
    INFO(to_string(policy.problems()));
    REQUIRE(policy);
    CHECK(same(*policy, policy::Options{}));
    shows_every_default(policy_table(), read_sample(repository() / "config/policy.d/10-policy.yaml"));
}

TEST_CASE("Every example is a valid policy that differs from the defaults") {
    const auto examples = samples("config/examples");
    CHECK(examples.size() >= 3);
    for (const auto& path : examples) {
        const auto loaded = load_policy_files({path});
        INFO(path << "\n" << to_string(loaded.problems()));
        REQUIRE(loaded);
        CHECK_FALSE(same(*loaded, policy::Options{}));
    }
}

TEST_CASE("The documentation lists the options of the tables") {
    has_reference("docs/policy.md", policy_reference());
    has_reference("docs/configuration.md", daemon_reference());
}
