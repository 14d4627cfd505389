#include "cli/init_files.h"

#include "cli/structured.h"

namespace ballast::cli {

namespace {
constexpr const char* usual_directory = "/etc/ballast";

std::string scalar(const std::string& text) {
    std::string yaml = to_yaml(boost::json::value(text));
    yaml.pop_back();  // its line's end
    return yaml;
}

std::string flow(const std::vector<std::string>& values) {
    std::string text = "[";
    for (const std::string& value : values) text += (text.size() > 1 ? ", " : "") + scalar(value);
    return text + "]";
}

std::string host_line(const FirstHost& host) {
    std::string line = "  - {name: " + scalar(host.name) + ", uri: " + scalar(host.uri);
    if (!host.peer_uri.empty()) line += ", peer_uri: " + scalar(host.peer_uri);
    line += "}";
    return host.problem.empty() ? line + "\n" : line + "  # did not answer when this was written\n";
}

std::string hosts_of(const FirstConfiguration& first) {
    std::string text =
        "# The hosts to watch. `uri` is how this daemon reaches one, `peer_uri` how the other hosts reach it, which "
        "they do in a\n"
        "# migration; it follows from `uri` where that names the host. `target: false` lets VMs leave a host but not "
        "come to it.\n"
        "hosts:\n";
    for (const FirstHost& host : first.hosts) text += host_line(host);
    return text + "\n";
}

std::string shared_of(const FirstConfiguration& first) {
    std::string text =
        "# Paths that all hosts share, such as an NFS mount. A VM with a disk elsewhere stays where it is.\n";
    return text + (first.shared.empty() ? "#shared_storage: [/srv/vms]\n\n"
                                        : "shared_storage: " + flow(first.shared) + "\n\n");
}

std::string store_of(const FirstConfiguration& first) {
    std::string text =
        "# Where the daemon keeps what it must not forget: in /var/lib/ballast (embedded), or in an etcd "
        "(docs/store.md), with\n"
        "# ca_file, cert_file, key_file, user and password_file as that etcd asks for them.\n";
    if (first.etcd.empty())
        text +=
            "#store: {kind: etcd, endpoints: [\"https://etcd1.example.org:2379\"], ca_file: "
            "/etc/ballast/etcd-ca.pem}\n\n";
    else
        text += "store:\n  kind: etcd\n  endpoints: " + flow(first.etcd) + "\n  #ca_file: /etc/ballast/etcd-ca.pem\n\n";
    text += "# A daemon on each of the hosts, with this same file, which meet in that etcd (docs/cluster.md).\n";
    return text + (first.cluster ? "cluster: {enabled: true}\n\n" : "#cluster: {enabled: true}\n\n");
}
}  // namespace

std::string daemon_file(const FirstConfiguration& first) {
    std::string text = "# " + first.directory +
                       "/ballast.yaml - one Ballast daemon: which hosts it watches and where it keeps its state.\n"
                       "# Written by ballastctl init. What is not said here has its default: man ballast.yaml has all "
                       "keys with their meaning.\n"
                       "# After a change: ballastd --check" +
                       (first.directory == usual_directory ? "" : " --config " + first.directory + "/ballast.yaml") +
                       " && systemctl restart ballastd\n\n";
    text += hosts_of(first) + shared_of(first) + store_of(first);
    text += "# The folder with the policy: how Ballast decides.\n";
    text += first.directory == usual_directory ? "#policy_dir: /etc/ballast/policy.d\n\n"
                                               : "policy_dir: " + scalar(first.directory + "/policy.d") + "\n\n";
    return text +
           "# Unix groups: the first may act, the second may look only. root may do everything.\n"
           "#admin_group: ballast\n"
           "#view_group: ballast-view\n\n"
           "# Metrics for Prometheus, and a page for browsers that shows the cluster and changes nothing "
           "(docs/page.md).\n"
           "#metrics: {listen: \"127.0.0.1:9477\"}\n"
           "#page: {listen: \"127.0.0.1:9478\"}\n";
}

std::string policy_file(const FirstConfiguration& first) {
    return "# " + first.directory +
           "/policy.d/10-policy.yaml - how Ballast decides. Written by ballastctl init.\n"
           "# What is not said here has its default: ballastctl policy show --defaults prints all keys with their "
           "meaning.\n"
           "# After a change: ballastctl policy check " +
           first.directory +
           "/policy.d/*.yaml && ballastctl reload\n\n"
           "# observe: recommends, and touches nothing. confirm: each move waits for ballastctl approve. automatic: "
           "acts.\n"
           "mode: " +
           first.mode +
           "\n\n"
           "# When a host is overloaded, so that VMs leave it: above that share of its CPUs for so long, until it is "
           "below.\n"
           "#overload: {cpu: {above: 90%, for: 10min, below: 75%}}\n\n"
           "# Even out the load when nothing else is to be done.\n"
           "#balance: {enabled: true}\n\n"
           "# In quiet hours, pack the VMs onto few hosts and switch the others off (docs/power.md).\n"
           "#consolidation: {enabled: false}\n\n"
           "# Start the VMs of a dead host elsewhere; only in mode automatic (docs/faults.md).\n"
           "#failover: {enabled: true}\n\n"
           "# Which VMs belong together or apart, and which stay on which hosts: docs/policy.md.\n"
           "#rules: []\n";
}

}  // namespace ballast::cli
