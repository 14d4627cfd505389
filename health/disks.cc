// Disks' own verdict: SMART's overall health, by `smartctl --json -H`. A disk in standby is left asleep (-n standby).
#include <boost/json.hpp>
#include <unistd.h>

#include "health/sources.h"

namespace ballast::health {

namespace json = boost::json;

namespace {

constexpr std::size_t most_disks = 64;                         // more are behind controllers that watch them themselves
constexpr Duration deadline = std::chrono::seconds{10};        // of one disk: one that fails may be slow to answer
constexpr std::string_view prefixes[] = {"sd", "nvme", "hd"};  // not loop, dm, md, zram, sr

std::vector<std::string> disks_of(const Machine& machine) {
    std::vector<std::string> disks;
    for (const std::string& name : machine.names("sys/block"))
        for (const std::string_view prefix : prefixes)
            if (name.starts_with(prefix) && machine.exists("sys/block/" + name + "/device")) disks.push_back(name);
    if (disks.size() > most_disks) disks.resize(most_disks);
    return disks;
}

// Nothing when it did not say.
std::optional<bool> passed(const std::string& output) {
    json::error_code failed;
    const json::value document = json::parse(output, failed);
    if (failed || !document.is_object()) return std::nullopt;
    const json::value* status = document.as_object().if_contains("smart_status");
    if (status == nullptr || !status->is_object()) return std::nullopt;
    const json::value* verdict = status->as_object().if_contains("passed");
    return verdict != nullptr && verdict->is_bool() ? std::optional(verdict->as_bool()) : std::nullopt;
}

}  // namespace

boost::asio::awaitable<void> look_at_disks(service::Children& children, Machine machine, std::string tool,
                                           bool privileged, Report& report) {
    const auto disks = disks_of(machine);
    if (disks.empty()) co_return;
    if (!privileged) {
        report.cannot_read(HealthSource::disk, "SMART was not read: only root may ask disks");
        co_return;
    }
    for (const std::string& disk : disks) {
        service::Command command;
        command.program = tool;
        command.arguments = {"--json", "-H", "-n", "standby", "/dev/" + disk};
        command.deadline = deadline;
        const auto ended = co_await children.run(std::move(command));
        if (!ended) {
            report.cannot_read(HealthSource::disk, "SMART was not read: " + to_string(ended.error()));
            co_return;
        }
        const auto verdict = ended->in_time ? passed(ended->output) : std::nullopt;
        if (!verdict)
            report.cannot_read(HealthSource::disk, "SMART of " + disk + " was not read");
        else if (!*verdict)
            report.tell(HealthSource::disk, disk, "disk " + disk + " says that it fails (SMART)");
    }
}

}  // namespace ballast::health
