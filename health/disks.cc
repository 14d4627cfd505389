// Disks' own verdict: SMART's overall health, by `smartctl --json -H`. A disk in standby is left asleep (-n standby).
// One that hangs holds up no other, and all are given up at the deadline.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <map>

#include "health/sources.h"
#include "service/children.h"

namespace ballast::health {

namespace json = boost::json;

namespace {

constexpr std::size_t most_disks = 64;                         // more are behind controllers that watch them themselves
constexpr std::string_view prefixes[] = {"sd", "nvme", "hd"};  // not loop, dm, md, zram, sr

std::vector<std::string> disks_of(const Machine& machine) {
    std::vector<std::string> disks;
    for (const std::string& name : machine.names("sys/block"))
        for (const std::string_view prefix : prefixes)
            if (name.starts_with(prefix) && machine.exists("sys/block/" + name + "/device")) disks.push_back(name);
    if (disks.size() > most_disks) disks.resize(most_disks);
    return disks;
}

json::object object_in(const json::object& parent, const char* key) {
    const json::value* found = parent.if_contains(key);
    return found != nullptr && found->is_object() ? found->as_object() : json::object{};
}

json::object parsed(const std::string& output) {
    json::error_code failed;
    const json::value document = json::parse(output, failed);
    return !failed && document.is_object() ? document.as_object() : json::object{};
}

// Nothing when it did not say.
std::optional<bool> passed(const json::object& answer) {
    const json::object status = object_in(answer, "smart_status");
    const json::value* verdict = status.if_contains("passed");
    return verdict != nullptr && verdict->is_bool() ? std::optional(verdict->as_bool()) : std::nullopt;
}

// In smartctl's words, such as "Smartctl open device: /dev/sda failed: Permission denied".
std::string said(const json::object& answer) {
    const json::object smartctl = object_in(answer, "smartctl");
    const json::value* messages = smartctl.if_contains("messages");
    if (messages == nullptr || !messages->is_array() || messages->as_array().empty()) return {};
    const json::value& first = messages->as_array().front();
    const json::value* text = first.is_object() ? first.as_object().if_contains("string") : nullptr;
    return text != nullptr && text->is_string() ? std::string(text->as_string()) : std::string();
}

// Why there is no verdict, where smartctl ended by itself: it may be one of those that have none, or that sleep.
std::string why_none(const json::object& answer, const service::Ended& ended) {
    if (const std::string words = said(answer); !words.empty()) return words;
    return ended.exit_code ? "smartctl ended with status " + std::to_string(*ended.exit_code)
                           : "a signal ended smartctl";
}

void tell_of(const std::string& disk, const Result<service::Ended>& ended, Duration deadline, Report& report) {
    const std::string unread = "SMART of " + disk + " was not read: ";
    if (!ended) return report.cannot_read(HealthSource::disk, unread + to_string(ended.error()));
    if (!ended->in_time)
        return report.did_not_answer(HealthSource::disk, disk, unread + "no answer within " + to_string(deadline));
    const json::object answer = parsed(ended->output);
    const auto verdict = passed(answer);
    if (!verdict)
        report.unread.push_back({HealthSource::disk, unread + why_none(answer, *ended), disk});
    else if (!*verdict)
        report.tell(HealthSource::disk, disk, "disk " + disk + " says that it fails (SMART)");
}

service::Command question(const SmartOptions& options, const std::string& disk) {
    service::Command command;
    command.program = options.tool;
    command.arguments = {"--json", "-H", "-n", "standby", "/dev/" + disk};
    command.deadline = options.deadline;
    return command;
}

}  // namespace

void look_at_disks(const Machine& machine, const SmartOptions& options, Report& report) {
    const auto disks = disks_of(machine);
    if (disks.empty()) return;
    if (!options.privileged)
        return report.cannot_read(HealthSource::disk, "SMART was not read: only root may ask disks");
    service::Children children;
    std::map<std::string, Result<service::Ended>> answers;
    boost::asio::io_context io(1);  // what it still has under way at its end refers to them
    for (const std::string& disk : disks)
        boost::asio::co_spawn(io, children.run(question(options, disk)),
                              [&answers, disk](std::exception_ptr, Result<service::Ended> ended) {
                                  answers.insert_or_assign(disk, std::move(ended));
                              });
    // One that not even SIGKILL ends, as it waits for its disk in the kernel, is left behind.
    while (answers.size() < disks.size() && io.run_one() > 0) {
    }
    for (const auto& [disk, ended] : answers) tell_of(disk, ended, options.deadline, report);
}

}  // namespace ballast::health
