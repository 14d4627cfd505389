// Every key of /etc/ballast/ballast.yaml. The defaults stand in config/daemon_options.h.
#include "config/cluster_table.h"
#include "config/health_table.h"
#include "config/names.h"
#include "config/option_table.h"
#include "config/page_table.h"
#include "config/quantities.h"
#include "config/store_table.h"
#include "config/text.h"
#include "config/uri.h"

namespace ballast::config {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

using Rows = std::vector<Option<DaemonOptions>>;

std::vector<Option<HostOptions>> host_rows() {
    const auto path = text("absolute path", check_path);
    const auto id = converted<HostId, std::string>(
        text("name", check_name), [](const std::string& name) { return HostId{name}; },
        [](const HostId& host) { return host.value; });
    return {
        option<HostOptions>("name", id, field(&HostOptions::id), "how the host is called everywhere; unique; required"),
        option<HostOptions>("uri", text("libvirt URI or an alias from libvirt.conf", check_uri_or_alias),
                            field(&HostOptions::uri), "how this daemon reaches it; default `qemu:///system`; unique"),
        option<HostOptions>("peer_uri", or_word(text("remote libvirt URI", check_peer_uri), "derived"),
                            field(&HostOptions::peer_uri),
                            "how the other hosts reach it; default `derived`: a remote `uri` itself, or "
                            "qemu+ssh://HOSTNAME/system for the local host"),
        option<HostOptions>("shared_storage", list_of("absolute paths", path, 0), field(&HostOptions::shared_storage),
                            "paths on it that the other hosts of its site share, besides those for all hosts"),
        option<HostOptions>("site", text("name", check_name), field(&HostOptions::site),
                            "the data centre it stands in, which its VMs do not leave unasked; hosts that name none "
                            "stand in one"),
        option<HostOptions>("cpu_share", ratio(0.01, 1), field(&HostOptions::cpu_share),
                            "how much of its CPUs guests may use, where a quota or other services take a part; "
                            "default 100%"),
        option<HostOptions>("labels", names_by_name(), field(&HostOptions::labels),
                            "what it shares with others, for rules that spread VMs, such as `{rack: r1, row: a}`"),
        option<HostOptions>("target", boolean(), field(&HostOptions::target),
                            "false: VMs may leave it but not come; default true"),
        option<HostOptions>("idle_watts", or_word(number(1, 100000), "unknown"), field(&HostOptions::idle_watts),
                            "what it draws when idle, for the energy account, where its BMC does not tell"),
        option<HostOptions>("full_watts", or_word(number(1, 100000), "unknown"), field(&HostOptions::full_watts),
                            "and at full load; both or neither"),
        option<HostOptions>("rest_of_host_watts", number(0, 100000), field(&HostOptions::rest_of_host_watts),
                            "what its disks, fans, network cards and power supplies draw, added where its energy is "
                            "read by RAPL, which counts processors and memory only; default 0"),
    };
}

std::optional<HostOptions> finish_host(const HostOptions& host, const Node& node, Reader& reader) {
    if (host.id.empty()) {
        reader.error(node, "a host needs a `name`");
        return std::nullopt;
    }
    if (host.idle_watts.has_value() != host.full_watts.has_value() ||
        (host.idle_watts && *host.idle_watts > *host.full_watts)) {
        reader.error(node, "`idle_watts` and `full_watts` go together, and idle is not more than full");
        return std::nullopt;
    }
    if (!reader.declare("host name", host.id.value, value_of(node, "name"))) return std::nullopt;
    if (!reader.declare("host URI", host.uri, value_of(node, "uri"))) return std::nullopt;
    if (host.peer_uri && !reader.declare("peer URI", *host.peer_uri, value_of(node, "peer_uri"))) return std::nullopt;
    return host;
}

Option<DaemonOptions> hosts() {
    auto codec =
        list_of_maps<HostOptions, HostOptions>(host_rows(), finish_host, [](const HostOptions& host) { return host; });
    auto row = option<DaemonOptions>("hosts", std::move(codec), field(&DaemonOptions::hosts),
                                     "the hosts to watch; when empty, the local one by qemu:///system under its "
                                     "short hostname");
    for (const auto& field_row : host_rows()) row.fields.push_back(field_row.info);
    return row;
}

template <class V>
void add(Rows& rows, const std::string& key, Codec<V> codec, V DaemonOptions::*member, std::string doc) {
    rows.push_back(option<DaemonOptions>(key, std::move(codec), field(member), std::move(doc)));
}

void add_sampling(Rows& rows) {
    add(rows, "shared_storage", list_of("absolute paths", text("absolute path", check_path), 0),
        &DaemonOptions::shared_storage,
        "paths that all hosts share, those of other sites as well, such as an NFS mount; disks elsewhere keep a VM "
        "where "
        "it is");
    add<Duration>(rows, "interval", duration(seconds{1}, minutes{10}), &DaemonOptions::interval,
                  "how often every host is measured");
    add<Duration>(rows, "stale_after", duration(seconds{2}, hours{1}), &DaemonOptions::stale_after,
                  "figures older than this are not acted on; has to be more than `interval`");
    add<Duration>(rows, "call_deadline", duration(seconds{1}, minutes{10}), &DaemonOptions::call_deadline,
                  "a libvirt call that takes longer is given up");
    add(rows, "proc_path", text("absolute path", check_path), &DaemonOptions::proc_path,
        "where the local kernel's memory pressure and swap counters are read");
}

void add_surroundings(Rows& rows) {
    add(rows, "state_dir", text("absolute path", check_path), &DaemonOptions::state_dir,
        "the embedded store, and the history");
    add(rows, "history_size", bytes(mib(1), gib(1024)), &DaemonOptions::history_size,
        "most that the cluster's history in it may take; the oldest goes first");
    add(rows, "socket", text("absolute path", check_socket_path), &DaemonOptions::socket, "where ballastctl connects");
    add(rows, "policy_dir", text("absolute path", check_path), &DaemonOptions::policy_dir, "its *.yaml are the policy");
    add(rows, "admin_group", text("group name", check_name), &DaemonOptions::admin_group,
        "members may act: move VMs, change the mode, set maintenance");
    add(rows, "view_group", text("group name", check_name), &DaemonOptions::view_group, "members may look only");
    add(rows, "log_level", choice({"trace", "debug", "info", "warning", "error"}), &DaemonOptions::log_level,
        "what goes to the journal");
    add(rows, "metrics.listen", text("ADDRESS:PORT or \"\" for none", check_listen_address),
        &DaemonOptions::metrics_listen, "where Prometheus reads the metrics");
    add(rows, "metrics.per_vm", boolean(), &DaemonOptions::metrics_per_vm,
        "series for every VM, which is many in a large cluster");
}

template <class V>
void add_power(Rows& rows, const std::string& key, Codec<V> codec, V PowerOptions::*member, std::string doc) {
    rows.push_back(
        option<DaemonOptions>("power." + key, std::move(codec), field(&DaemonOptions::power, member), std::move(doc)));
}

void add_power(Rows& rows) {
    add_power(rows, "broker", text("absolute path", check_socket_path), &PowerOptions::broker,
              "ballast-powerd's socket; without a broker there Ballast switches no host");
    add_power<Duration>(rows, "shutdown_timeout", duration(seconds{10}, hours{2}), &PowerOptions::shutdown_timeout,
                        "a host that was asked to go down and is not off by then is an alarm");
    add_power<Duration>(rows, "boot_timeout", duration(seconds{10}, hours{2}), &PowerOptions::boot_timeout,
                        "a host that was switched on and whose libvirt does not answer by then is tried again");
    add_power(rows, "wake_tries", count(1, 10), &PowerOptions::wake_tries,
              "tries to switch a host on before it is left to an operator");
    add_power<Duration>(rows, "drill_every", duration(hours{1}, hours{24 * 366}), &PowerOptions::drill_every,
                        "a host that did not come back after being switched off within this goes off in a drill "
                        "first: off and at once on again");
}

template <class V>
void add_rolling(Rows& rows, const std::string& key, Codec<V> codec, V RollingOptions::*member, std::string doc) {
    rows.push_back(option<DaemonOptions>("rolling." + key, std::move(codec), field(&DaemonOptions::rolling, member),
                                         std::move(doc)));
}

void add_maintenance(Rows& rows) {
    add_rolling(
        rows, "commands", commands_by_name(), &RollingOptions::commands,
        "what `ballastctl rolling-reboot --command NAME` may run on this machine for each host, such as `{upgrade: "
        "[/usr/local/sbin/upgrade-host, --all]}`; it finds BALLAST_HOST and BALLAST_URI in its environment");
    add_rolling<Duration>(rows, "command_timeout", duration(seconds{1}, hours{24}), &RollingOptions::command_timeout,
                          "a command that takes longer is killed, and the run stops");
    add_rolling<Duration>(rows, "empty_timeout", duration(minutes{1}, hours{24}), &RollingOptions::empty_timeout,
                          "a host whose VMs have not left by then stops the run");
    add_rolling<Duration>(
        rows, "settle_timeout", duration(seconds{0}, hours{24}), &RollingOptions::settle_timeout,
        "how long VMs are waited for to come home before the next host, and the cluster to be at rest");
    add<Duration>(rows, "maintenance.shutdown_wait", duration(seconds{0}, hours{24}), &DaemonOptions::shutdown_wait,
                  "how long a shutdown of this daemon's own machine waits for its VMs to leave; logind's "
                  "InhibitDelayMaxSec has to allow it");
}

Rows rows() {
    Rows all = {hosts()};
    add_sampling(all);
    add_surroundings(all);
    add_page(all);
    add_store(all);
    add_cluster(all);
    add_power(all);
    add_health(all);
    add_maintenance(all);
    return all;
}

Constraint<DaemonOptions> stale_is_later() {
    return {{"interval", "stale_after"}, [](const DaemonOptions& options) -> std::optional<std::string> {
                if (options.stale_after > options.interval) return std::nullopt;
                return "`stale_after` (" + write_duration(options.stale_after) + ") has to be more than `interval` (" +
                       write_duration(options.interval) + ")";
            }};
}

std::vector<Constraint<DaemonOptions>> constraints() {
    auto all = store_constraints();
    for (auto& constraint : cluster_constraints()) all.push_back(std::move(constraint));
    for (auto& constraint : page_constraints()) all.push_back(std::move(constraint));
    all.push_back(stale_is_later());
    all.push_back(checks_know_their_hosts());
    return all;
}

}  // namespace

const Table<DaemonOptions>& daemon_table() {
    static const Table<DaemonOptions> table = {
        "One daemon: which hosts it watches, where it listens and keeps its state.",
        {{"metrics", "Metrics for Prometheus."},
         {"page", "A page for browsers; see docs/page.md."},
         {"store", "Where the daemon keeps what it must not forget; see docs/store.md."},
         {"cluster", "One daemon on each host, coordinated through etcd; see docs/cluster.md."},
         {"power", "Switching hosts off and on; see docs/power.md."},
         {"health", "How hosts that answer are looked at for what is wrong with them; see docs/faults.md."},
         {"rolling", "Rolling reboots and upgrades; see docs/maintenance.md."},
         {"maintenance", "Of the host that this daemon runs on."}},
        rows(),
        constraints()};
    return table;
}

}  // namespace ballast::config
