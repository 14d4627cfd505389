// What can be said of a host by itself.
#include <cmath>

#include "daemon/preflight_checks.h"
#include "daemon/preflight_words.h"

namespace ballast::daemon::preflight {

namespace {

// Below these an admin should look; they are ours, not a standard's.
constexpr double little_memory = 0.05, little_disk = 0.10, no_disk = 0.01;
constexpr Bytes least_disk = gib(1);
// TLS and logs live with a second; certificates and tickets fail at minutes (Kerberos: 5 min).
constexpr double noticeable_skew_s = 1, bad_skew_s = 60;
// [libvirt qemu.conf: migration_port_min, migration_port_max]
constexpr const char* default_port_min = "49152";
constexpr const char* default_port_max = "49215";

bool is_x86(const std::string& arch) {
    return arch == "x86_64" || arch == "i686";
}

bool has_kvm(const PreflightHost& host) {
    return host.libvirt->host.cpu_by_virt_type.contains("kvm");
}

Finding judge_space(const std::string& what, Bytes size, Bytes available, const std::string& path) {
    const double ratio = size.count > 0 ? available.mib() / size.mib() : 0;
    const std::string seen = what + " has " + to_string(available) + " of " + to_string(size) + " free";
    if (ratio < no_disk) return problem(seen, "free some space in " + path + " now: guests pause when it is full");
    if (ratio < little_disk || available < least_disk) return warning(seen, "free some space in " + path);
    return ok(seen);
}

Finding judge_file_system(const PreflightHost& host, const std::string& path) {
    const auto found = host.shell->file_systems.find(path);
    if (found == host.shell->file_systems.end()) return unknown(path + " could not be looked at", "run: df -h " + path);
    const auto& [type, source, size, available] = found->second;
    if (!size || !available) return unknown("free space of " + path + " is not known", "run: df -h " + path);
    return judge_space(path, *size, *available, path);
}

Finding judge_pool(const PreflightHost& host, const hypervisor::PreflightPool& pool) {
    const std::string what = "storage pool " + pool.name;
    if (!pool.active) return warning(what + " is not active", "run there: virsh pool-start " + pool.name);
    if (host.shell && host.shell->file_systems.contains(pool.path)) return judge_file_system(host, pool.path);
    if (!pool.capacity || !pool.available || pool.capacity->count == 0) return ok(what + " does not say its size");
    return judge_space(what, *pool.capacity, *pool.available, pool.path.empty() ? what : pool.path);
}

std::string shell_advice(const PreflightHost& host, const std::string& command) {
    const std::string why = host.no_shell.empty() ? "" : " (" + host.no_shell + ")";
    return "run on " + host.id.value + ": " + command + why;
}

bool only_this_machine(const std::string& address) {
    return address.starts_with("127.") || address == "::1" || address == "localhost";
}

std::string all_sleep_targets() {
    std::string all;
    for (const char* unit : sleep_target_names) all += std::string(" ") + unit;
    return all;
}

// One that an older systemd does not have sends nobody to sleep [org.freedesktop.systemd1(5), LoadState].
bool can_be_started(const std::string& load_state) {
    return load_state != "masked" && load_state != "not-found";
}

std::string setting(const PreflightHost& host, const std::string& name, const std::string& otherwise) {
    const auto found = host.shell->qemu_conf.find(name);
    return found == host.shell->qemu_conf.end() ? otherwise : found->second;
}

}  // namespace

Finding check_reachable(const PreflightCluster&, const PreflightHost& host) {
    if (host.libvirt) return ok("libvirt " + host.libvirt->host.libvirt_version + " answers at " + host.uri);
    return problem(
        "cannot be reached: " + (host.problem.empty() ? "no answer" : host.problem),
        "check that the host runs and that this connects without asking: virsh -c '" + host.uri + "' hostname");
}

Finding check_virtualisation(const PreflightCluster&, const PreflightHost& host) {
    const std::string& arch = host.libvirt->host.arch;
    const auto& features = host.libvirt->cpu_features;
    if (features.contains("vmx")) return ok("the CPU offers VT-x");
    if (features.contains("svm")) return ok("the CPU offers AMD-V");
    if (has_kvm(host)) return ok("KVM works on this " + arch + " CPU");
    if (!is_x86(arch) || features.empty())
        return unknown("the CPU's features are not known", "run there: virt-host-validate qemu");
    return warning("the CPU offers neither VT-x nor AMD-V",
                   "enable virtualisation in the firmware, or nested virtualisation where the host is itself a VM");
}

Finding check_kvm(const PreflightCluster&, const PreflightHost& host) {
    if (has_kvm(host)) return ok("libvirt offers KVM");
    if (host.libvirt->host.cpu_by_virt_type.contains("qemu"))
        return warning("libvirt offers emulation (TCG) only: guests are 10 to 100 times slower",
                       "load kvm_intel or kvm_amd and check that /dev/kvm exists and is open to group kvm");
    return problem("libvirt offers neither KVM nor QEMU", "install QEMU (qemu-system-x86) there");
}

Finding check_memory(const PreflightCluster&, const PreflightHost& host) {
    const Bytes total = host.libvirt->host.memory_total;
    Bytes promised;
    for (const auto& guest : host.libvirt->guests)
        if (guest.running) promised += guest.facts.memory;
    const std::string promises = to_string(total) + ", " + to_string(promised) + " promised to running guests";
    if (!host.libvirt->memory_available || total.count == 0)
        return unknown(promises + "; what is available is not known", "run there: virsh nodememstats");
    const Bytes available = *host.libvirt->memory_available;
    const std::string seen = promises + ", " + to_string(available) + " available";
    if (available.mib() < total.mib() * little_memory)
        return warning(seen, "move guests away, or give the host more memory: it may begin to swap");
    if (promised > total) return warning(seen, "guests may claim more memory than there is: watch swapping");
    return ok(seen);
}

Finding check_disk(const PreflightCluster& cluster, const PreflightHost& host) {
    std::vector<Finding> found;
    for (const auto& pool : host.libvirt->pools) found.push_back(judge_pool(host, pool));
    if (host.shell) found.push_back(judge_file_system(host, "/var/lib/libvirt"));
    if (host.shell && host.seen_from_itself()) found.push_back(judge_file_system(host, cluster.state_dir));
    return worst_of(found, "no storage pool to look at");
}

Finding check_clock(const PreflightCluster&, const PreflightHost& host) {
    if (host.local) return ok("this machine, with which the others are compared");
    if (!host.shell || !host.shell->skew)
        return unknown("libvirt does not tell a host's time",
                       shell_advice(host, "chronyc tracking, or compare `date +%s` with this machine's"));
    const auto [low, high] = *host.shell->skew;
    const double least = low > 0 ? low : (high < 0 ? -high : 0);  // it is surely off by this much
    const double middle = (low + high) / 2;
    const std::string seen =
        "its clock is " + fixed(std::abs(middle), 1) + " s " + (middle < 0 ? "behind" : "ahead") + " of this machine's";
    if (least > bad_skew_s) return problem(seen, "set up NTP (chrony or systemd-timesyncd) on all hosts");
    if (least > noticeable_skew_s) return warning(seen, "check NTP on both: chronyc tracking");
    return ok("its clock agrees within " + fixed((high - low) / 2 + std::abs(middle), 1) + " s");
}

Finding check_lock_manager(const PreflightCluster&, const PreflightHost& host) {
    const std::string fix =
        "set lock_manager = \"lockd\" in /etc/libvirt/qemu.conf on all hosts and restart libvirtd: it keeps a guest "
        "from running twice when a migration's last step is lost";
    if (!host.shell || !host.shell->qemu_conf_read)
        return unknown(
            "/etc/libvirt/qemu.conf could not be read",
            shell_advice(host, "sudo grep ^lock_manager /etc/libvirt/qemu.conf") + "; if it prints nothing, " + fix);
    const std::string manager = setting(host, "lock_manager", "nop");
    if (manager == "nop" || manager.empty()) return warning("no lock manager is configured", fix);
    return ok("lock manager " + manager);
}

Finding check_sleep_targets(const PreflightCluster&, const PreflightHost& host) {
    const std::string mask = "systemctl mask" + all_sleep_targets();
    if (!host.shell || host.shell->sleep_targets.empty())
        return unknown("whether its system can be suspended is not known", shell_advice(host, mask));
    std::string open;
    for (const auto& [unit, state] : host.shell->sleep_targets)
        if (can_be_started(state)) open += (open.empty() ? "" : ", ") + unit;
    if (open.empty()) return ok("its system cannot be suspended");
    return warning("its system can be suspended by " + open +
                       ": some BMCs say that a sleeping host is off, its guests are started elsewhere then, and run "
                       "twice when it wakes",
                   "run on " + host.id.value + " as root: " + mask);
}

Finding check_migration_ports(const PreflightCluster&, const PreflightHost& host) {
    const std::string firewall = "let the other hosts' connections to these TCP ports through its firewall";
    if (!host.shell || !host.shell->qemu_conf_read)
        return unknown("QEMU listens for migrations on ports 49152-49215 unless /etc/libvirt/qemu.conf says otherwise",
                       firewall + "; " + shell_advice(host, "sudo grep ^migration_ /etc/libvirt/qemu.conf"));
    const std::string address = setting(host, "migration_address", "");
    const std::string ports = setting(host, "migration_port_min", default_port_min) + "-" +
                              setting(host, "migration_port_max", default_port_max);
    if (only_this_machine(address))
        return problem("migration_address is " + address + ": no other host can connect",
                       "remove migration_address from /etc/libvirt/qemu.conf or set it to the host's address");
    return {Status::ok, "QEMU listens for migrations on ports " + ports + (address.empty() ? "" : " of " + address),
            firewall};
}

}  // namespace ballast::daemon::preflight
