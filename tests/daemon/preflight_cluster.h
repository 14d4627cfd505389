// Three hosts of which preflight has nothing to say but ok; a test changes what it is about.
#pragma once

#include "daemon/preflight_checks.h"

namespace ballast::test {

using namespace daemon::preflight;
using hypervisor::CpuAnswer;
using hypervisor::PreflightGuest;

inline PreflightGuest preflight_guest(const std::string& name) {
    PreflightGuest guest;
    guest.id = {"uuid-of-" + name};
    guest.running = true;
    guest.facts.name = name;
    guest.facts.memory = gib(4);
    guest.facts.requirements = {"kvm", "x86_64", "pc-q35-7.2", {}, {"default"}, {"br0"}, {}, {"/srv/vms/" + name}};
    guest.facts.requirements.cpu.model = "Haswell";
    guest.cpu_xml = "<cpu of " + name + ">";
    return guest;
}

inline hypervisor::PreflightFacts preflight_facts(const std::string& host) {
    hypervisor::PreflightFacts facts;
    facts.host.uuid = "uuid-of-" + host;
    facts.host.hostname = host + ".example.org";
    facts.host.memory_total = gib(64);
    facts.host.arch = "x86_64";
    facts.host.cpu_by_virt_type["kvm"] = {{"Haswell"}, {"vmx"}, "Intel Haswell", {"pc-q35-7.2"}};
    facts.host.networks = {"default"};
    facts.host.bridges = {"br0"};
    facts.host.shared_paths = {"/srv/vms"};
    facts.host.libvirt_version = "9.0.0";
    facts.host.hypervisor_version = "7.2.0";
    facts.memory_available = gib(32);
    facts.cpu_features = {"vmx"};
    facts.cpu_xmls["kvm"] = "<cpu of " + host + ">";
    facts.pools = {
        {"vms", "dir", "/srv/vms", "", true, gib(100), gib(50), {{"/srv/vms/a", mib(1), "1795343012.175927084"}}}};
    facts.guests = {preflight_guest("guest-of-" + host)};
    return facts;
}

struct PreflightBench {
    PreflightCluster cluster;

    PreflightBench() {
        cluster.state_dir = "/var/lib/ballast";
        for (const char* name : {"host1", "host2", "host3"}) add(name);
        cluster.hosts[0].local = true;
        for (const PreflightHost& other : cluster.hosts)
            if (!other.local) reach(host1(), other, PreflightBench::identity(other));
        for (PreflightHost& host : cluster.hosts) answer_all(host);
    }

    PreflightHost& host1() { return cluster.hosts[0]; }
    PreflightHost& host2() { return cluster.hosts[1]; }
    PreflightHost& host3() { return cluster.hosts[2]; }
    hypervisor::PreflightFacts& facts1() { return *host1().libvirt; }
    hypervisor::PreflightFacts& facts2() { return *host2().libvirt; }
    ShellFacts& shell1() { return *host1().shell; }
    ShellFacts& shell2() { return *host2().shell; }
    PreflightGuest& guest1() { return facts1().guests[0]; }

    static Result<hypervisor::PeerIdentity> identity(const PreflightHost& host) {
        return hypervisor::PeerIdentity{host.libvirt->host.hostname, host.libvirt->host.uuid};
    }
    static void reach(PreflightHost& from, const PreflightHost& to, Result<hypervisor::PeerIdentity> how) {
        from.reached.insert_or_assign(to.id, std::move(how));
    }
    void answer_cpus(CpuAnswer answer) {
        for (PreflightHost& host : cluster.hosts)
            for (auto& [question, known] : host.cpus) known = answer;
    }
    void only_one_host() { cluster.hosts.resize(1); }

    /// What a check says of a host; `id` must exist.
    daemon::preflight::Finding check(const std::string& id, const std::string& host = "host1") const {
        for (const Check& found : evaluate(cluster, HostId{host}))
            if (found.id == id) return found.result;
        return {Status::problem, "there is no check " + id, ""};
    }

private:
    void add(const std::string& name) {
        PreflightHost host;
        host.id = {name};
        host.uri = "qemu+ssh://root@" + name + "/system";
        host.peer_uri = host.uri;
        host.libvirt = preflight_facts(name);
        ShellFacts shell;
        shell.complete = shell.root = true;
        shell.user = "root";
        shell.skew = ClockSkew{-0.2, 0.2};
        for (const char* path : {"/var/lib/libvirt", "/var/lib/ballast", "/srv/vms"})
            shell.file_systems[path] = {"nfs4", "storage:/vms", gib(100), gib(50)};
        shell.qemu_conf_read = true;
        shell.qemu_conf["lock_manager"] = "lockd";
        for (const char* unit : sleep_target_names) shell.sleep_targets[unit] = "masked";
        host.shell = shell;
        cluster.hosts.push_back(std::move(host));
    }
    void answer_all(PreflightHost& host) {
        for (const PreflightHost& other : cluster.hosts) {
            if (other.id == host.id) continue;
            host.shell->resolves[other.libvirt->host.hostname] = true;
            host.shell->peers[other.id] = {PeerAnswer::Kind::reached, other.libvirt->host.hostname};
        }
        for (const auto& question : cpu_questions(cluster, host)) host.cpus[question] = CpuAnswer::runs;
    }
};

}  // namespace ballast::test
