// Each reason the policy can give, reached once, from a cluster in which nothing speaks against the move.
#include <functional>

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

Cluster free_to_go() {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 1);
    cluster.vm("b", "host2", 1);
    cluster.tick();
    return cluster;
}

policy::Rule rule(policy::Rule::Kind kind, std::vector<std::string> vms, std::vector<HostId> hosts = {}) {
    return {kind, "r1", std::move(vms), std::move(hosts), "10-rules.yaml:3"};
}

constexpr WallTime saturday_noon = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 12h;

struct Row {
    const char* what;
    Reason reason;
    const char* detail;
    std::function<void(Cluster&)> change;
};

const std::vector<Row>& rows() {
    using policy::Rule;
    static const std::vector<Row> all = {
        {"a wish not to be moved", Reason::opted_out, "its own metadata says so",
         [](Cluster& c) { c.guest("a").facts.wishes.no_migrate = true; }},
        {"a rule not to move it", Reason::opted_out, "rule r1 (10-rules.yaml:3)",
         [](Cluster& c) {
             c.options.rules = {rule(Rule::Kind::never_move, {"x", "a*"})};
         }},
        {"a paused VM", Reason::not_running, "it is paused", [](Cluster& c) { c.guest("a").state = VmState::paused; }},
        {"a device passed through", Reason::host_device, "PCI device 0000:3b:00.0",
         [](Cluster& c) {
             c.guest("a").facts.blockers = {{Reason::host_device, "PCI device 0000:3b:00.0"}};
         }},
        {"an unsafe cache mode", Reason::unsafe_cache, "vda",
         [](Cluster& c) {
             c.guest("a").facts.blockers = {{Reason::unsafe_cache, "vda"}};
         }},
        {"a shared folder", Reason::shared_folder, "tag1",
         [](Cluster& c) {
             c.guest("a").facts.blockers = {{Reason::shared_folder, "tag1"}};
         }},
        {"a running backup", Reason::block_job, "vda",
         [](Cluster& c) {
             c.guest("a").facts.blockers = {{Reason::block_job, "vda"}};
         }},
        {"a snapshot", Reason::snapshots, "2 snapshots",
         [](Cluster& c) {
             c.guest("a").facts.blockers = {{Reason::snapshots, "2 snapshots"}};
         }},
        {"a disk on local storage", Reason::local_storage, "/var/lib/a.img is not on storage declared shared",
         [](Cluster& c) {
             c.guest("a").facts.requirements.files = {"/var/lib/a.img"};
             c.at("host2").facts.shared_paths.insert("/var/lib");
         }},
        {"a definition never read", Reason::facts_unknown, "its definition was not read yet",
         [](Cluster& c) { c.guest("a").facts_known = false; }},
        {"a move under way", Reason::already_moving, "on its way to host3",
         [](Cluster& c) {
             c.host("host3");
             c.under_way("a", "host3");
         }},
        {"a recent move", Reason::cooldown, "moved 10 min ago (waits 30 min)",
         [](Cluster& c) { c.moved("a", "host2", "host1", 10min); }},
        {"a recent move by hand", Reason::cooldown, "moved by hand 60 min ago (waits 2 h)",
         [](Cluster& c) { c.moved("a", "host2", "host1", 60min, true, true); }},
        {"a recent failure on that target", Reason::cooldown,
         "moving it there failed or was declined 2 min ago (waits 5 min)",
         [](Cluster& c) { c.moved("a", "host1", "host2", 2min, false); }},
        {"an unreachable source", Reason::host_unreachable, "its own host: connection refused",
         [](Cluster& c) {
             c.at("host1").connection = Connection::down;
             c.at("host1").problem = "connection refused";
         }},
        {"a stale source", Reason::host_stale, "its own host: no recent sample",
         [](Cluster& c) { c.at("host1").stale = true; }},
        {"too little memory by allocation", Reason::memory, "needs 2 GiB, 1.8 GiB left above the reserve",
         [](Cluster& c) {
             c.guest("b").facts.memory = gib(59);
             c.guest("b").load.memory_rss = gib(1);
         }},
        {"too little memory by measurement", Reason::memory, "needs 2 GiB, 819 MiB left above the reserve",
         [](Cluster& c) { c.at("host2").load.memory_available = gib(4); }},
        {"a target that would be too busy", Reason::cpu, "would want 111 % of its usable CPU (limit 80 %)",
         [](Cluster& c) {
             c.at("host2").facts.cpus = 2;
             c.options.reserve.cpu = 0.1;
         }},
        {"a CPU model that is not offered", Reason::cpu_model, "needs CPU model EPYC",
         [](Cluster& c) { c.guest("a").facts.requirements.cpu.model = "EPYC"; }},
        {"a CPU feature that is missing", Reason::cpu_model, "the host's CPU lacks avx512f, pku",
         [](Cluster& c) {
             c.guest("a").facts.requirements.cpu.required = {"avx2", "avx512f", "pku"};
         }},
        {"another CPU under a guest that sees the host's", Reason::cpu_model,
         "needs Intel Skylake, the host has AMD EPYC",
         [](Cluster& c) {
             c.guest("a").facts.requirements.cpu = {CpuRequirement::Mode::host_passthrough, "", {}};
             c.at("host2").facts.cpu_by_virt_type["kvm"].host_model = "AMD EPYC";
         }},
        {"an unknown CPU under a guest that sees the host's", Reason::cpu_model,
         "needs the same CPU as its host, and one of the two is not known",
         [](Cluster& c) {
             c.guest("a").facts.requirements.cpu = {CpuRequirement::Mode::maximum, "", {}};
             c.at("host2").facts.cpu_by_virt_type["kvm"].host_model = "";
         }},
        {"a machine type that is missing", Reason::machine_type, "needs machine type pc-i440fx-9.0",
         [](Cluster& c) { c.guest("a").facts.requirements.machine = "pc-i440fx-9.0"; }},
        {"an architecture that is missing", Reason::machine_type, "needs architecture aarch64",
         [](Cluster& c) { c.guest("a").facts.requirements.arch = "aarch64"; }},
        {"an emulator that is missing", Reason::machine_type, "needs an emulator of type kvm",
         [](Cluster& c) { c.at("host2").facts.cpu_by_virt_type.erase("kvm"); }},
        {"a network that is missing", Reason::network, "network default is not active there",
         [](Cluster& c) { c.at("host2").facts.networks.clear(); }},
        {"a bridge that is missing", Reason::network, "bridge br7 is missing there",
         [](Cluster& c) {
             c.guest("a").facts.requirements.bridges = {"br0", "br7"};
         }},
        {"a pool that is missing", Reason::storage, "pool ssd is not active there",
         [](Cluster& c) { c.guest("a").facts.requirements.pools = {"ssd"}; }},
        {"storage that only its host has", Reason::storage, "/srv/vms/a.qcow2 is not on storage shared there",
         [](Cluster& c) {
             c.at("host2").facts.shared_paths = {"/srv/vm", "/srv/vms/a"};
         }},
        {"a wish for certain hosts", Reason::pinned, "its own metadata allows host1, host9 only",
         [](Cluster& c) {
             c.guest("a").facts.wishes.only_on = {{"host1"}, {"host9"}};
         }},
        {"a rule for certain hosts", Reason::pinned, "rule r1 allows host1 only",
         [](Cluster& c) { c.options.rules = {rule(Rule::Kind::pin, {"a"}, {{"host1"}})}; }},
        {"a rule to keep VMs apart", Reason::keep_apart, "from b by rule r1",
         [](Cluster& c) {
             c.options.rules = {rule(Rule::Kind::keep_apart, {"a", "b"})};
         }},
        {"a wish to be kept apart", Reason::keep_apart, "from b by group db",
         [](Cluster& c) {
             c.guest("a").facts.wishes.keep_apart = {"db"};
             c.guest("b").facts.wishes.keep_apart = {"web", "db"};
         }},
        {"the host it is on", Reason::same_host, "", [](Cluster& c) { c.guest("a").host = {"host2"}; }},
        {"a stale target", Reason::host_stale, "no sample for 40 s",
         [](Cluster& c) {
             c.at("host2").stale = true;
             c.at("host2").problem = "no sample for 40 s";
         }},
        {"a target never sampled", Reason::host_stale, "no recent sample",
         [](Cluster& c) { c.at("host2").sampled_at.reset(); }},
        {"an unreachable target", Reason::host_unreachable, "no connection",
         [](Cluster& c) { c.at("host2").connection = Connection::down; }},
        {"a target still being connected", Reason::host_unreachable, "no connection",
         [](Cluster& c) { c.at("host2").connection = Connection::connecting; }},
        {"a target in maintenance", Reason::host_maintenance, "", [](Cluster& c) { c.at("host2").maintenance = true; }},
        {"a degraded target", Reason::host_degraded, "disk sda is offline",
         [](Cluster& c) {
             c.at("host2").health = {{HealthSource::storage, "sda", "disk sda is offline"}};
         }},
        {"a target that takes no VMs", Reason::host_excluded, "",
         [](Cluster& c) { c.at("host2").accepts_vms = false; }},
        {"a rule that keeps it off hosts", Reason::pinned, "rule r1 keeps it off host2",
         [](Cluster& c) { c.options.rules = {rule(Rule::Kind::avoid, {"a"}, {{"host2"}})}; }},
        {"a rule to keep VMs together", Reason::keep_together, "with c on host1 by rule r1",
         [](Cluster& c) {
             c.vm("c", "host1", 0);
             c.options.rules = {rule(Rule::Kind::keep_together, {"a", "c"})};
         }},
        {"a wish to be kept together", Reason::keep_together, "with c on host1 by group pair",
         [](Cluster& c) {
             c.vm("c", "host1", 0).facts.wishes.keep_together = {"pair"};
             c.guest("a").facts.wishes.keep_together = {"pair"};
         }},
        {"too many of a group in one rack", Reason::spread, "rule r1 allows 1 in rack r2, there are b",
         [](Cluster& c) {
             c.at("host1").labels["rack"] = "r1";
             c.at("host2").labels["rack"] = "r2";
             c.options.rules = {rule(Rule::Kind::spread, {"a", "b"})};
             c.options.rules[0].over = "rack";
             c.options.rules[0].at_most = 1;
         }},
        {"too many vCPUs", Reason::overcommit, "would have 8 vCPUs on 3 CPUs (limit 6)",
         [](Cluster& c) {
             c.at("host2").facts.cpus = 3;
             c.options.overcommit.cpu = 2;
         }},
        {"too little memory to promise", Reason::memory, "needs 2 GiB, 1 GiB left above the reserve",
         [](Cluster& c) {
             c.at("host2").facts.memory_total = gib(8);
             c.options.overcommit.memory = 0.5;
             c.options.reserve.memory = 0;
             c.options.reserve.memory_min = gib(2);
         }},
        {"too many CPUs reserved", Reason::reservation, "reserves 5.00 CPUs, 4.50 of 9.00 are reserved there",
         [](Cluster& c) {
             c.guest("a").facts.wishes.reserved_cpus = 5;
             c.guest("b").facts.wishes.reserved_cpus = 4.5;
         }},
        {"too much memory reserved", Reason::reservation, "reserves 2 GiB of memory, 1.5 GiB can be reserved there",
         [](Cluster& c) {
             for (const char* name : {"a", "b"}) c.guest(name).facts.wishes.reserved_memory = gib(2);
             c.at("host2").facts.memory_total = gib(4);
             c.options.reserve.memory = 0;
             c.options.overcommit.memory = 2;
         }},
        {"no huge pages of its size", Reason::huge_pages, "needs 2 GiB on pages of 1 GiB, the host has none",
         [](Cluster& c) { c.guest("a").facts.requirements.huge_pages[gib(1)] = gib(2); }},
        {"too few huge pages by allocation", Reason::huge_pages, "needs 2 GiB on pages of 2 MiB, 1 GiB free",
         [](Cluster& c) {
             for (const char* name : {"a", "b"}) c.guest(name).facts.requirements.huge_pages[mib(2)] = gib(2);
             c.at("host2").facts.cells[0].huge_pages[mib(2)] = 1536;
         }},
        {"too few huge pages by measurement", Reason::huge_pages, "needs 2 GiB on pages of 2 MiB, 512 MiB free",
         [](Cluster& c) {
             c.guest("a").facts.requirements.huge_pages[Bytes{}] = gib(2);  // the default size
             c.at("host2").facts.cells[0].huge_pages[mib(2)] = 4096;
             c.at("host2").load.free_huge_pages[mib(2)] = 256;
         }},
        {"a CPU it is pinned to", Reason::numa, "is pinned to CPUs that the host lacks: 9, 17",
         [](Cluster& c) {
             c.guest("a").facts.requirements.pinned_cpus = {1, 9, 17};
             c.at("host2").facts.cells[0].cpus = {0, 1, 2, 3};
         }},
        {"a NUMA cell it is bound to", Reason::numa, "needs NUMA cells that the host lacks: 1",
         [](Cluster& c) {
             c.guest("a").facts.requirements.strict_cells = {0, 1};
             c.at("host2").facts.cells[0].memory = gib(64);
         }},
        {"a NUMA cell that is too small", Reason::numa, "needs 2 GiB from NUMA cells of 1 GiB",
         [](Cluster& c) {
             c.guest("a").facts.requirements.strict_cells = {0};
             c.at("host2").facts.cells[0].memory = gib(1);
         }},
        {"NUMA cells that are not known", Reason::numa,
         "it is pinned, and the host's CPUs and NUMA cells are not known",
         [](Cluster& c) { c.guest("a").facts.requirements.pinned_cpus = {1}; }},
        {"a window that is closed", Reason::window, "by window w, until Sat 22:00 (UTC)",
         [](Cluster& c) {
             c.inventory.wall_time = saturday_noon;
             c.options.windows = {{"w", {"a"}, {{0, 6, 22 * 60, 6 * 60}}, {}, {}, false, ""}};
         }},
        {"a window that denies", Reason::window, "by window w, until Mon 00:00 (UTC)",
         [](Cluster& c) {
             c.inventory.wall_time = saturday_noon;
             c.options.windows = {{"w", {"*"}, {{}}, {{5, 6, 0, 1440}}, {}, false, ""}};
         }},
        {"a window and no clock", Reason::window, "by window w, while the time of day is not known",
         [](Cluster& c) {
             c.options.windows = {{"w", {"a"}, {{}}, {}, {}, false, ""}};
         }},
        {"too many leaving", Reason::limit_outgoing, "2 of 2",
         [](Cluster& c) {
             c.host("host3");
             for (const char* name : {"x", "y"}) {
                 c.vm(name, "host1", 0);
                 c.under_way(name, "host3");
             }
         }},
        {"too many arriving", Reason::limit_incoming, "2 of 2",
         [](Cluster& c) {
             c.host("host3");
             for (const char* name : {"x", "y"}) {
                 c.vm(name, "host3", 0);
                 c.under_way(name, "host2");
             }
         }},
        {"too many under way", Reason::limit_cluster, "1 of 1",
         [](Cluster& c) {
             c.host("host3");
             c.host("host4");
             c.vm("x", "host3", 0);
             c.under_way("x", "host4");
             c.options.limits.cluster = 1;
         }},
    };
    return all;
}

}  // namespace

TEST_CASE("Nothing speaks against an ordinary move") {
    CHECK(free_to_go().refusals("a", "host2").empty());
}

TEST_CASE("Each obstacle gives exactly its reason, with figures") {
    for (const Row& row : rows()) {
        INFO(row.what);
        Cluster cluster = free_to_go();
        row.change(cluster);
        const auto refusals = cluster.refusals("a", "host2");
        REQUIRE(refusals.size() == 1);
        CHECK(to_string(refusals[0].reason) == to_string(row.reason));
        CHECK(refusals[0].detail == row.detail);
        CHECK(refusals[0].vm.value == "id-a");
    }
}

TEST_CASE("All obstacles are told, not only the first") {
    Cluster cluster = free_to_go();
    cluster.guest("a").facts.wishes.no_migrate = true;
    cluster.guest("a").state = VmState::paused;
    cluster.at("host2").maintenance = true;
    cluster.at("host2").facts.networks.clear();
    const auto refusals = cluster.refusals("a", "host2");
    CHECK(refusals.size() == 4);
    CHECK(refusals[0].reason == Reason::not_running);
    CHECK_FALSE(refusals[0].target);
    CHECK(refusals[2].target == HostId{"host2"});
}

TEST_CASE("A VM or a host that does not exist is refused") {
    Cluster cluster = free_to_go();
    CHECK(has(cluster.refusals("nobody", "host2"), Reason::facts_unknown));
    CHECK(has(cluster.refusals("a", "nowhere"), Reason::host_unreachable));
}

TEST_CASE("A VM on a host that is not known is refused, not a crash") {
    Cluster cluster = free_to_go();
    cluster.guest("a").host = {"gone"};
    CHECK(has(cluster.refusals("a", "host2"), Reason::host_unreachable));
}

TEST_CASE("Obstacles of the past end") {
    Cluster cluster = free_to_go();
    cluster.moved("a", "host2", "host1", 30min);
    cluster.moved("a", "host2", "host1", 2h, true, true);
    cluster.moved("a", "host1", "host2", 5min, false);
    CHECK(cluster.refusals("a", "host2").empty());
}

TEST_CASE("Of several past moves the one that holds a VM for the longest is told, once") {
    Cluster cluster = free_to_go();
    cluster.moved("a", "host3", "host1", 20min);
    cluster.moved("a", "host3", "host1", 5min);
    cluster.moved("a", "host3", "host1", 100min, true, true);
    cluster.moved("a", "host1", "host2", 3min, false);
    cluster.moved("a", "host1", "host2", 2min, false);
    const auto refusals = cluster.refusals("a", "host2");
    REQUIRE(refusals.size() == 2);
    CHECK(refusals[0].detail == "moved 5 min ago (waits 30 min)");
    CHECK(refusals[1].detail == "moving it there failed or was declined 2 min ago (waits 5 min)");
}

TEST_CASE("Paths are compared by folder, and nothing leads out of a shared folder") {
    Cluster cluster = free_to_go();
    auto& files = cluster.guest("a").facts.requirements.files;
    for (Host* host : {&cluster.at("host1"), &cluster.at("host2")}) host->facts.shared_paths = {"/srv/vms/"};
    files = {"/srv/vms/a.img", "/srv/vms/deep/b.img"};
    CHECK(cluster.refusals("a", "host2").empty());
    for (const char* outside : {"/srv/vms2/a.img", "/srv/vms", "/srv/vms/../a.img", "relative.img"}) {
        files = {outside};
        INFO(outside);
        CHECK(has(cluster.refusals("a", "host2"), Reason::local_storage));
    }
}

TEST_CASE("Reasons that only advise are told apart from those that forbid") {
    for (const Reason reason : {Reason::cooldown, Reason::window, Reason::cpu, Reason::no_benefit,
                                Reason::limit_outgoing, Reason::limit_incoming, Reason::limit_cluster})
        CHECK(policy::advisory(reason));
    for (const Reason reason : {Reason::memory, Reason::keep_apart, Reason::pinned, Reason::local_storage,
                                Reason::opted_out, Reason::host_stale, Reason::same_host})
        CHECK_FALSE(policy::advisory(reason));
}
