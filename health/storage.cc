// Paths to storage and arrays, by what the kernel says of them in sysfs: SCSI devices, which the paths of multipath are
// [scsi_device_state_name in drivers/scsi/scsi_sysfs.c], NVMe controllers [nvme_sysfs_show_state], iSCSI sessions,
// Fibre Channel ports and md arrays [Documentation/admin-guide/md.rst]. multipathd itself answers root only.
#include "health/sources.h"

namespace ballast::health {

namespace {

// One state file a thing: "sdb is offline".
void look_at_states(const Machine& machine, const std::string& folder, const std::string& prefix,
                    const std::string& file, const std::string& good, const std::string& what, Report& report) {
    for (const std::string& name : machine.names(folder)) {
        if (!name.starts_with(prefix)) continue;
        const auto state = machine.line(folder + "/" + name + "/" + file);
        if (state && *state != good) report.tell(HealthSource::storage, name, what + name + " is " + *state);
    }
}

void look_at_remote_ports(const Machine& machine, Report& report) {
    const std::string folder = "sys/class/fc_remote_ports";
    for (const std::string& name : machine.names(folder)) {
        const auto roles = machine.line(folder + "/" + name + "/roles"),
                   state = machine.line(folder + "/" + name + "/port_state");
        if (roles && roles->find("FCP Target") != std::string::npos && state && *state != "Online")
            report.tell(HealthSource::storage, name, "Fibre Channel port " + name + " is " + *state);
    }
}

void look_at_arrays(const Machine& machine, Report& report) {
    for (const std::string& name : machine.names("sys/block")) {
        if (!name.starts_with("md")) continue;
        const auto missing = machine.number("sys/block/" + name + "/md/degraded");
        if (missing && *missing > 0)
            report.tell(HealthSource::disk, name, "array " + name + " has lost disks: " + std::to_string(*missing));
    }
}

}  // namespace

void look_at_storage(const Machine& machine, Report& report) {
    look_at_states(machine, "sys/block", "sd", "device/state", "running", "disk ", report);
    look_at_states(machine, "sys/class/nvme", "", "state", "live", "NVMe controller ", report);
    look_at_states(machine, "sys/class/iscsi_session", "", "state", "LOGGED_IN", "iSCSI ", report);
    look_at_remote_ports(machine, report);
    look_at_arrays(machine, report);
}

}  // namespace ballast::health
