// Every answer that each check can give, reached once.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "tests/daemon/preflight_cluster.h"

using namespace ballast;
using namespace ballast::test;

namespace {

using Bench = PreflightBench;

struct Row {
    const char* check;
    const char* what;
    Status status;
    const char* finding;  // a part of it
    std::function<void(Bench&)> change;
};

constexpr Status good = Status::ok, unsure = Status::unknown, warn = Status::warning, bad = Status::problem;

const std::vector<Row>& host_rows() {
    static const std::vector<Row> rows = {
        {"reachable", "it answers", good, "libvirt 9.0.0 answers", [](Bench&) {}},
        {"reachable", "it is down", bad, "cannot be reached: connection refused",
         [](Bench& b) {
             b.host1().libvirt.reset();
             b.host1().problem = "connection refused";
         }},
        {"virtualisation", "VT-x", good, "VT-x", [](Bench&) {}},
        {"virtualisation", "AMD-V", good, "AMD-V", [](Bench& b) { b.facts1().cpu_features = {"svm"}; }},
        {"virtualisation", "another architecture", good, "KVM works",
         [](Bench& b) {
             b.facts1().cpu_features = {};
             b.facts1().host.arch = "aarch64";
         }},
        {"virtualisation", "switched off", warn, "neither VT-x nor AMD-V",
         [](Bench& b) {
             b.facts1().cpu_features = {"avx"};
             b.facts1().host.cpu_by_virt_type = {{"qemu", {}}};
         }},
        {"virtualisation", "no features told", unsure, "not known",
         [](Bench& b) {
             b.facts1().cpu_features = {};
             b.facts1().host.cpu_by_virt_type = {};
         }},
        {"kvm", "it is there", good, "libvirt offers KVM", [](Bench&) {}},
        {"kvm", "emulation only", warn, "emulation (TCG) only",
         [](Bench& b) {
             b.facts1().host.cpu_by_virt_type = {{"qemu", {}}};
         }},
        {"kvm", "no QEMU at all", bad, "neither", [](Bench& b) { b.facts1().host.cpu_by_virt_type = {}; }},
        {"memory", "plenty", good, "64 GiB, 4 GiB promised to running guests, 32 GiB available", [](Bench&) {}},
        {"memory", "hardly any left", warn, "1 GiB available", [](Bench& b) { b.facts1().memory_available = gib(1); }},
        {"memory", "promised twice", warn, "80 GiB promised", [](Bench& b) { b.guest1().facts.memory = gib(80); }},
        {"memory", "promised to guests that are off", good, "0 B promised",
         [](Bench& b) {
             b.guest1().facts.memory = gib(80);
             b.guest1().running = false;
         }},
        {"memory", "not told", unsure, "not known", [](Bench& b) { b.facts1().memory_available.reset(); }},
        {"disk", "room", good, "", [](Bench&) {}},
        {"disk", "no shell and no pools", good, "no storage pool",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools.clear();
         }},
        {"disk", "a pool is nearly full, by libvirt's figures", warn, "storage pool vms has 5 GiB of 100 GiB free",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools[0].available = gib(5);
         }},
        {"disk", "a pool is full", bad, "storage pool vms has 0 B of 100 GiB free",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools[0].available = Bytes{};
         }},
        {"disk", "a pool is not active", warn, "pool vms is not active",
         [](Bench& b) { b.facts1().pools[0].active = false; }},
        {"disk", "a pool does not say its size", good, "does not say its size",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools[0].capacity.reset();
         }},
        {"disk", "the daemon's own folder is full", bad, "/var/lib/ballast has 0 B",
         [](Bench& b) { b.shell1().file_systems["/var/lib/ballast"].available = Bytes{}; }},
        {"disk", "less than a GiB of a small disk", warn, "512 MiB of 2 GiB",
         [](Bench& b) {
             b.shell1().file_systems["/var/lib/libvirt"] = {"ext4", "/dev/sda1", gib(2), mib(512)};
         }},
        {"disk", "a folder could not be looked at", unsure, "/var/lib/libvirt could not be looked at",
         [](Bench& b) { b.shell1().file_systems.erase("/var/lib/libvirt"); }},
        {"disk", "a file system without figures", unsure, "not known",
         [](Bench& b) { b.shell1().file_systems["/var/lib/libvirt"].available.reset(); }},
        {"lock_manager", "lockd", good, "lock manager lockd", [](Bench&) {}},
        {"lock_manager", "none", warn, "no lock manager", [](Bench& b) { b.shell1().qemu_conf.clear(); }},
        {"lock_manager", "switched off", warn, "no lock manager",
         [](Bench& b) { b.shell1().qemu_conf["lock_manager"] = "nop"; }},
        {"lock_manager", "not readable", unsure, "could not be read",
         [](Bench& b) { b.shell1().qemu_conf_read = false; }},
        {"lock_manager", "no shell", unsure, "could not be read", [](Bench& b) { b.host1().shell.reset(); }},
        {"sleep_targets", "all masked", good, "cannot be suspended", [](Bench&) {}},
        {"sleep_targets", "one that this systemd does not have", good, "cannot be suspended",
         [](Bench& b) { b.shell1().sleep_targets["suspend-then-hibernate.target"] = "not-found"; }},
        {"sleep_targets", "one left open", warn, "can be suspended by hybrid-sleep.target:",
         [](Bench& b) { b.shell1().sleep_targets["hybrid-sleep.target"] = "loaded"; }},
        {"sleep_targets", "two left open", warn, "can be suspended by sleep.target, suspend.target:",
         [](Bench& b) {
             b.shell1().sleep_targets["sleep.target"] = b.shell1().sleep_targets["suspend.target"] = "loaded";
         }},
        {"sleep_targets", "another init", unsure, "not known", [](Bench& b) { b.shell1().sleep_targets.clear(); }},
        {"sleep_targets", "no shell", unsure, "not known", [](Bench& b) { b.host1().shell.reset(); }},
        {"migration_ports", "the defaults", good, "ports 49152-49215", [](Bench&) {}},
        {"migration_ports", "others", good, "ports 50000-49215 of 10.0.0.1",
         [](Bench& b) {
             b.shell1().qemu_conf = {{"migration_port_min", "50000"}, {"migration_address", "10.0.0.1"}};
         }},
        {"migration_ports", "this machine only", bad, "no other host can connect",
         [](Bench& b) { b.shell1().qemu_conf["migration_address"] = "127.0.0.1"; }},
        {"migration_ports", "no shell", unsure, "unless", [](Bench& b) { b.host1().shell.reset(); }},
    };
    return rows;
}

const std::vector<Row>& cluster_rows() {
    static const std::vector<Row> rows = {
        {"identity", "its own", good, "host UUID uuid-of-host1", [](Bench&) {}},
        {"identity", "cloned machine", bad, "same host UUID as host2",
         [](Bench& b) { b.facts2().host.uuid = b.facts1().host.uuid; }},
        {"identity", "listed twice", bad, "the same libvirt host as host2",
         [](Bench& b) { b.facts2().host = b.facts1().host; }},
        {"identity", "not told", unsure, "does not tell", [](Bench& b) { b.facts1().host.uuid.clear(); }},
        {"versions", "the same", good, "libvirt 9.0.0, QEMU 7.2.0", [](Bench&) {}},
        {"versions", "older itself", good, "QEMU 6.2.0",
         [](Bench& b) { b.facts1().host.hypervisor_version = "6.2.0"; }},
        {"versions", "another is older", warn, "an older QEMU runs on host2 (6.2.0)",
         [](Bench& b) { b.facts2().host.hypervisor_version = "6.2.0"; }},
        {"versions", "libvirt too old", bad, "libvirt 5.9.0",
         [](Bench& b) { b.facts1().host.libvirt_version = "5.9.0"; }},
        {"versions", "libvirt not told", unsure, "", [](Bench& b) { b.facts1().host.libvirt_version.clear(); }},
        {"versions", "QEMU not told", unsure, "QEMU unknown",
         [](Bench& b) { b.facts1().host.hypervisor_version.clear(); }},
        {"hostname", "known everywhere", good, "which the other hosts can resolve", [](Bench&) {}},
        {"hostname", "alone", good, "host1.example.org", [](Bench& b) { b.only_one_host(); }},
        {"hostname", "localhost", bad, "libvirt refuses",
         [](Bench& b) { b.facts1().host.hostname = "localhost.localdomain"; }},
        {"hostname", "same as another's", bad, "host2 has the same host name",
         [](Bench& b) { b.facts2().host.hostname = b.facts1().host.hostname; }},
        {"hostname", "unknown to another", bad, "host2 cannot resolve host1.example.org",
         [](Bench& b) { b.shell2().resolves["host1.example.org"] = false; }},
        {"hostname", "nobody to ask", unsure, "whether host2 can resolve", [](Bench& b) { b.host2().shell.reset(); }},
        {"hostname", "not told", unsure, "does not tell", [](Bench& b) { b.facts1().host.hostname.clear(); }},
        {"peers", "all reached", good, "it reaches 2 other hosts", [](Bench&) {}},
        {"peers", "alone", good, "no other host", [](Bench& b) { b.only_one_host(); }},
        {"peers", "refused", bad, "cannot reach host2 at qemu+ssh://root@host2/system: no route",
         [](Bench& b) {
             Bench::reach(b.host1(), b.host2(), Error{ErrorCode::unavailable, "", "no route"});
         }},
        {"peers", "leads to another host", bad, "leads to host3.example.org instead of host2",
         [](Bench& b) { Bench::reach(b.host1(), b.host2(), Bench::identity(b.host3())); }},
        {"peers", "refused to an ordinary user", unsure, "tried as an ordinary user",
         [](Bench& b) {
             b.shell1().root = false;
             Bench::reach(b.host1(), b.host2(), Error{ErrorCode::unavailable, "", "permission denied"});
         }},
        {"peers", "the key for TLS is root's", unsure, "tried as an ordinary user",
         [](Bench& b) {
             b.shell1().root = false;
             b.host2().peer_uri = "qemu+tls://host2/system";
             Bench::reach(b.host1(), b.host2(),
                          Error{ErrorCode::unavailable, "",
                                "Unable to set x509 key and certificate: /etc/pki/libvirt/private/clientkey.pem, "
                                "/etc/pki/libvirt/clientcert.pem: Error while reading file."});
         }},
        {"peers", "reached by an ordinary user by ssh", unsure, "as user ballast, but its libvirtd connects as root",
         [](Bench& b) {
             b.shell1().root = false;
             b.shell1().user = "ballast";
         }},
        {"peers", "reached by an ordinary user by TLS", good, "it reaches 2",
         [](Bench& b) {
             b.shell1().root = false;
             b.host2().peer_uri = b.host3().peer_uri = "qemu+tls://host/system";
         }},
        {"shared_storage", "proven by volumes", good, "/srv/vms shared with 2 other hosts",
         [](Bench& b) { b.host1().shell.reset(); }},
        {"shared_storage", "proven by what is mounted", good, "shared", [](Bench& b) { b.facts1().pools.clear(); }},
        {"shared_storage", "proven by a pool's source", good, "shared",
         [](Bench& b) {
             for (PreflightHost& host : b.cluster.hosts) {
                 host.shell.reset();
                 host.libvirt->pools[0] = {"vms", "netfs", "/srv/vms", "storage:/vms", true, {}, {}, {}};
             }
         }},
        {"shared_storage", "alone", good, "no other host", [](Bench& b) { b.only_one_host(); }},
        {"shared_storage", "none", warn, "no storage is declared",
         [](Bench& b) { b.facts1().host.shared_paths.clear(); }},
        {"shared_storage", "not declared on another", warn, "not declared shared on host2",
         [](Bench& b) { b.facts2().host.shared_paths = {"/srv/other"}; }},
        {"shared_storage", "another file of the same name", bad, "different files of the same name",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools[0].volumes[0].changed_at = "1795300000.000000001";
         }},
        {"shared_storage", "a file that is being written to", unsure, "not proven",
         [](Bench& b) {
             b.host1().shell.reset();
             b.facts1().pools[0].volumes[0].changed_at = "1795343042.000000001";
         }},
        {"shared_storage", "on a local disk", bad, "lies on a local ext4 file system",
         [](Bench& b) {
             b.facts1().pools.clear();
             b.shell1().file_systems["/srv/vms"].type = "ext4";
         }},
        {"shared_storage", "the same kind from another server", unsure, "not proven",
         [](Bench& b) {
             b.facts1().pools.clear();
             b.shell1().file_systems["/srv/vms"].source = "elsewhere:/vms";
         }},
        {"shared_storage", "not that of another site", good, "/srv/vms shared with 1 other host",
         [](Bench& b) {
             b.host2().site = "b";
             b.facts2().host.shared_paths = {"/srv/other"};
         }},
        {"shared_storage", "stretched, and not declared there", warn, "not declared shared on host2",
         [](Bench& b) {
             b.host2().site = "b";
             b.facts1().host.stretched_paths = {"/srv/vms"};
             b.facts2().host.shared_paths = {"/srv/other"};
         }},
        {"sites", "only one", good, "all hosts stand in one site", [](Bench&) {}},
        {"sites", "a place for the copies", good, "could leave for another site",
         [](Bench& b) {
             b.host2().site = "b";
             b.guest1().facts.requirements.disks = {
                 {"vda", "file", "/srv/vms/a.raw", "raw", false, false, false, gib(1), gib(1)}};
         }},
        {"sites", "no pool for the copies", warn, "no host of site b has an active storage pool in /images",
         [](Bench& b) {
             b.host2().site = "b";
             b.guest1().facts.requirements.disks = {
                 {"vda", "file", "/images/a.raw", "raw", false, false, false, gib(1), gib(1)}};
         }},
        {"sites", "a CD-ROM", warn, "not copied to another site",
         [](Bench& b) {
             b.host2().site = "b";
             b.guest1().facts.requirements.disks = {
                 {"sda", "file", "/srv/vms/a.iso", "raw", true, false, false, {}, {}}};
         }},
        {"cpu_model", "alike", good, "which all other hosts can offer", [](Bench&) {}},
        {"cpu_model", "alone", good, "host CPU model Intel Haswell", [](Bench& b) { b.only_one_host(); }},
        {"cpu_model", "others are older", warn, "cannot move to host2, host3",
         [](Bench& b) { b.answer_cpus(CpuAnswer::does_not_run); }},
        {"cpu_model", "not compared", unsure, "not compared with host2, host3",
         [](Bench& b) { b.answer_cpus(CpuAnswer::unknown); }},
        {"cpu_model", "not told", unsure, "does not tell", [](Bench& b) { b.facts1().cpu_xmls.clear(); }},
        {"clock", "this machine", good, "this machine", [](Bench&) {}},
    };
    return rows;
}

const std::vector<Row>& guest_rows() {
    static const std::vector<Row> rows = {
        {"guests", "all different", good, "1 guest, 1 running", [](Bench&) {}},
        {"guests", "one runs twice", bad, "runs on host2 as well",
         [](Bench& b) { b.facts2().guests.push_back(b.guest1()); }},
        {"guests", "one is being moved", good, "1 guest",
         [](Bench& b) {
             b.facts2().guests.push_back(b.guest1());
             b.guest1().moving = true;
         }},
        {"guests", "one was left behind paused", warn, "is on host2 as well, and one of the two is paused",
         [](Bench& b) {
             b.facts2().guests.push_back(b.guest1());
             b.facts2().guests.back().paused = true;
         }},
        {"guests", "one is left defined elsewhere", good, "1 guest",
         [](Bench& b) {
             b.facts2().guests.push_back(b.guest1());
             b.facts2().guests.back().running = false;
         }},
        {"guests", "one is defined elsewhere under another name", warn, "is defined on host2 as old",
         [](Bench& b) {
             b.facts2().guests.push_back(b.guest1());
             b.facts2().guests.back().running = false;
             b.facts2().guests.back().facts.name = "old";
         }},
        {"guests", "two have one name", warn, "another guest on host2 is named guest-of-host1",
         [](Bench& b) { b.facts2().guests[0].facts.name = "guest-of-host1"; }},
        {"guests", "not all could be read", unsure, "could not be read: storage pools",
         [](Bench& b) { b.facts1().unread = {"storage pools: denied"}; }},
        {"guest_disks", "all shared", good, "all disks of 1 guest", [](Bench&) {}},
        {"guest_disks", "a local one", warn, "1 guest with files outside shared storage: guest-of-host1",
         [](Bench& b) { b.guest1().facts.requirements.files.insert("/var/lib/libvirt/images/a"); }},
        {"guest_disks", "a folder that only begins alike", warn, "outside",
         [](Bench& b) { b.guest1().facts.requirements.files = {"/srv/vms2/a"}; }},
        {"guest_disks", "a path that climbs out", warn, "outside",
         [](Bench& b) { b.guest1().facts.requirements.files = {"/srv/vms/../a"}; }},
        {"guest_cpus", "all hosts have it", good, "1 running guest exist on all other hosts", [](Bench&) {}},
        {"guest_cpus", "alone", good, "no other host", [](Bench& b) { b.only_one_host(); }},
        {"guest_cpus", "no other has it", bad, "guest-of-host1 (Haswell) can run on no other host",
         [](Bench& b) { b.answer_cpus(CpuAnswer::does_not_run); }},
        {"guest_cpus", "one has it not", warn, "cannot run on host2",
         [](Bench& b) {
             for (auto& [question, answer] : b.host2().cpus) answer = CpuAnswer::does_not_run;
         }},
        {"guest_cpus", "libvirt cannot tell", unsure, "may not run on host2, host3",
         [](Bench& b) { b.answer_cpus(CpuAnswer::unknown); }},
        {"guest_cpus", "a machine type that one lacks", warn, "cannot run on host2",
         [](Bench& b) { b.facts2().host.cpu_by_virt_type["kvm"].machines = {"pc-q35-6.2"}; }},
        {"guest_cpus", "KVM, which no other has", bad, "no other host",
         [](Bench& b) {
             b.facts2().host.cpu_by_virt_type.erase("kvm");
             b.host3().libvirt->host.cpu_by_virt_type.erase("kvm");
         }},
        {"guest_cpus", "the host's own CPU, others alike", good, "exist on all",
         [](Bench& b) { b.guest1().facts.requirements.cpu.mode = CpuRequirement::Mode::host_passthrough; }},
        {"guest_cpus", "the host's own CPU, another differs", warn, "(the host's own CPU) cannot run on host2",
         [](Bench& b) {
             b.guest1().facts.requirements.cpu.mode = CpuRequirement::Mode::host_passthrough;
             b.facts2().host.cpu_by_virt_type["kvm"].features.insert("avx512f");
         }},
        {"networks", "all there", good, "1 active network", [](Bench&) {}},
        {"networks", "one that no guest uses is missing", good, "used by no guest: lab",
         [](Bench& b) { b.facts2().host.networks.insert("lab"); }},
        {"networks", "one that guests use is missing", warn, "network lab, which guests elsewhere use, does not exist",
         [](Bench& b) { b.facts2().guests[0].facts.requirements.networks.insert("lab"); }},
        {"networks", "one that guests use is not active", warn,
         "network lab, which guests elsewhere use, is not active",
         [](Bench& b) {
             b.facts1().inactive_networks = {"lab"};
             b.facts2().guests[0].facts.requirements.networks.insert("lab");
         }},
        {"networks", "a bridge is missing", warn, "bridge br9",
         [](Bench& b) { b.facts2().guests[0].facts.requirements.bridges.insert("br9"); }},
        {"autostart", "none", good, "no guest", [](Bench&) {}},
        {"autostart", "one that could run elsewhere", warn,
         "1 guest with autostart that could run elsewhere: guest-of-host1",
         [](Bench& b) { b.guest1().facts.autostart = true; }},
        {"autostart", "one that is bound to its host", good, "no guest",
         [](Bench& b) {
             b.guest1().facts.autostart = true;
             b.guest1().facts.requirements.files = {"/var/lib/a"};
         }},
        {"autostart", "alone", good, "no guest",
         [](Bench& b) {
             b.guest1().facts.autostart = true;
             b.only_one_host();
         }},
        {"autostart", "one that starts on two hosts", bad, "starts by itself here and on host2",
         [](Bench& b) {
             b.guest1().facts.autostart = true;
             b.facts2().guests.push_back(b.guest1());
         }},
    };
    return rows;
}

void try_all(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        Bench bench;
        row.change(bench);
        const Finding found = bench.check(row.check);
        INFO(row.check << ": " << row.what << "\nfinding: " << found.finding << "\nadvice: " << found.advice);
        CHECK(to_string(found.status) == to_string(row.status));
        CHECK(found.finding.find(row.finding) != std::string::npos);
        CHECK((found.status == Status::ok || !found.advice.empty()));
        CHECK_FALSE(found.finding.empty());
    }
}

}  // namespace

TEST_CASE("Of a cluster that is as it should be, preflight says so in every check") {
    const Bench bench;
    const auto checks = evaluate(bench.cluster);
    CHECK(checks.size() == 3 * all_checks().size());
    for (const Check& check : checks) {
        INFO(check.host.value << " " << check.id << ": " << check.result.finding);
        CHECK(to_string(check.result.status) == "ok");
    }
}

TEST_CASE("What is said of a host by itself") {
    try_all(host_rows());
}
TEST_CASE("What is said of a host beside the others") {
    try_all(cluster_rows());
}
TEST_CASE("What is said of a host's guests") {
    try_all(guest_rows());
}

TEST_CASE("Every check is tried in a good and in another way") {
    std::map<std::string, std::set<Status>> tried;
    for (const auto* rows : {&host_rows(), &cluster_rows(), &guest_rows()})
        for (const Row& row : *rows) tried[row.check].insert(row.status);
    for (const CheckEntry& entry : all_checks()) {
        INFO(entry.id);
        CHECK(tried[entry.id].contains(Status::ok));
        CHECK((tried[entry.id].size() > 1 || std::string(entry.id) == "clock"));  // clock: in its own test
    }
}

TEST_CASE("A host's clock is judged by what it is surely off by") {
    const struct {
        ClockSkew skew;
        Status status;
        const char* finding;
    } rows[] = {
        {{-0.4, 0.4}, good, "agrees within 0.4 s"}, {{-3, 0.5}, good, "agrees within"},  // a slow answer proves nothing
        {{1.5, 2.5}, warn, "2.0 s ahead"},          {{-4.0, -2.0}, warn, "3.0 s behind"},
        {{3590, 3610}, bad, "3600.0 s ahead"},      {{-3610, -3590}, bad, "3600.0 s behind"},
    };
    for (const auto& [skew, status, finding] : rows) {
        Bench bench;
        bench.shell2().skew = skew;
        const Finding found = bench.check("clock", "host2");
        INFO(found.finding);
        CHECK(to_string(found.status) == to_string(status));
        CHECK(found.finding.find(finding) != std::string::npos);
    }
    Bench bench;
    bench.host2().shell.reset();
    bench.host2().no_shell = "no ssh";
    CHECK(bench.check("clock", "host2").status == Status::unknown);
    CHECK(bench.check("clock", "host2").advice.find("no ssh") != std::string::npos);
}

TEST_CASE("What a remote host's own shell says of its peers is judged like ours") {
    const struct {
        PeerAnswer answer;
        Status status;
        const char* finding;
    } rows[] = {
        {{PeerAnswer::Kind::reached, "host3.example.org"}, good, "it reaches 2"},
        {{PeerAnswer::Kind::reached, "host1.example.org"}, bad, "instead of host3"},
        {{PeerAnswer::Kind::failed, "Host key verification failed."}, bad, "Host key verification failed."},
        {{PeerAnswer::Kind::no_virsh, ""}, unsure, "virsh is not installed"},
    };
    for (const auto& [answer, status, finding] : rows) {
        Bench bench;
        bench.shell2().peers[{"host3"}] = answer;
        const Finding found = bench.check("peers", "host2");
        INFO(found.finding);
        CHECK(to_string(found.status) == to_string(status));
        CHECK(found.finding.find(finding) != std::string::npos);
    }
    Bench bench;
    bench.shell2().peers.erase({"host3"});
    CHECK(bench.check("peers", "host2").finding == "no answer yet towards host3");
    bench.host2().shell.reset();
    const Finding found = bench.check("peers", "host2");
    CHECK(found.status == Status::unknown);
    CHECK(found.advice.find("run on host2 as root: virsh -c 'qemu+ssh://root@host3/system' hostname") !=
          std::string::npos);
}

TEST_CASE("A host that cannot be reached is one problem, and no other host is judged by it") {
    Bench bench;
    bench.host3().libvirt.reset();
    bench.host3().problem = "no route to host";
    const auto checks = evaluate(bench.cluster);
    CHECK(checks.size() == 2 * all_checks().size() + 1);
    for (const Check& check : checks) {
        INFO(check.host.value << " " << check.id << ": " << check.result.finding);
        CHECK(to_string(check.result.status) == (check.host.value == "host3" ? "problem" : "ok"));
    }
}

TEST_CASE("The common CPU model is named where hosts differ") {
    Bench bench;
    bench.answer_cpus(CpuAnswer::does_not_run);
    CHECK(bench.check("cpu_model").advice.find("usable on all hosts") != std::string::npos);
    bench.cluster.common_cpus["kvm"] =
        "<cpu mode='custom'><model fallback='forbid'>Nehalem</model><feature policy='require' name='pcid'/></cpu>";
    CHECK(
        bench.check("cpu_model").advice.find("CPU model Nehalem, which all hosts can offer (with 1 further feature") !=
        std::string::npos);
}

TEST_CASE("Hosts are asked about each other's CPUs once, whatever number of guests has them") {
    Bench bench;
    for (int i = 0; i < 5; ++i) bench.facts2().guests.push_back(bench.facts2().guests[0]);
    bench.facts2().guests.push_back(preflight_guest("off"));
    bench.facts2().guests.back().running = false;
    CHECK(cpu_questions(bench.cluster, bench.host1()).size() == 4);  // two host models, two guests' CPUs
}

TEST_CASE("Where one host has no KVM, hosts are compared by what they emulate") {
    Bench bench;
    for (PreflightHost& host : bench.cluster.hosts) host.libvirt->cpu_xmls["qemu"] = "<emulated>";
    bench.facts2().cpu_xmls.erase("kvm");
    for (const auto& question : cpu_questions(bench.cluster, bench.host1()))
        if (question.cpu_xml == "<emulated>") CHECK(question.virt_type == "qemu");
    CHECK(cpu_questions(bench.cluster, bench.host1()).size() == 3);
}

TEST_CASE("The documentation lists the checks, in their order") {
    const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    std::ifstream in(root / "docs/preflight.md");
    REQUIRE(in);
    std::vector<std::string> documented, existing;
    bool listing = false;
    for (std::string line; std::getline(in, line);) {
        listing = line == "## The checks" || (listing && !line.starts_with("##"));
        if (listing && line.starts_with("| `")) documented.push_back(line.substr(3, line.find('`', 3) - 3));
    }
    for (const CheckEntry& entry : all_checks()) existing.push_back(entry.id);
    CHECK(documented == existing);
}
