// What the daemon's answers and the machine say about their health.
#include <algorithm>

#include "cli/doctor.h"
#include "cli/human.h"

namespace ballast::cli {

namespace {
// Below these a daemon soon cannot write its store: of a usual disk, and of a large one.
constexpr double little_ratio = 0.10, hardly_ratio = 0.03;
constexpr double little_bytes = 1e9, hardly_bytes = 1e8;

std::string named(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}
}  // namespace

Check judge_version(const value& status) {
    const std::string daemon = text(status, "version");
    if (daemon == BALLAST_VERSION) return {"version", "ok", "both programs are " BALLAST_VERSION};
    return {"version", "warning", "ballastd is " + daemon + ", ballastctl " BALLAST_VERSION,
            "the daemon runs on in its old version after an upgrade: systemctl restart ballastd"};
}

std::vector<Check> judge_alarms(const value& status) {
    std::vector<Check> checks;
    if (flag(status, "paused"))
        checks.push_back({"pause", "warning", "paused by " + text(status, "paused_by"),
                          "ballastctl resume, when the reason is over"});
    const value& rolling = at(status, "rolling");
    if (text(rolling, "state") == "stopped")
        checks.push_back({"rolling-reboot", "warning",
                          "stopped at " + text(rolling, "host") + ": " + text(rolling, "message"),
                          "ballastctl rolling-reboot status says how it goes on"});
    const bool alarmed = whole(at(status, "operations"), "alarms") > 0;
    for (const value& problem : list(status, "problems"))
        checks.push_back({"alarms", alarmed && text(problem).starts_with("op-") ? "problem" : "warning", text(problem),
                          "ballastctl status; what each means: /usr/share/doc/ballast/alarms.md"});
    if (list(status, "problems").empty()) checks.push_back({"alarms", "ok", "nothing waits for a person"});
    return checks;
}

Check judge_hosts(const value& hosts) {
    std::vector<std::string> down;
    std::string why;
    for (const value& host : list(hosts, "hosts")) {
        const std::string power = text(host, "power");
        const bool meant = power == "off" || power == "switching_off" || power == "switching_on";
        if (meant || text(host, "connection") == "up") continue;
        down.push_back(text(host, "id"));
        if (why.empty()) why = text(host, "problem");
    }
    const auto count = static_cast<std::int64_t>(list(hosts, "hosts").size());
    if (down.empty()) return {"libvirt", "ok", counted(count, "host answers", "hosts answer")};
    return {"libvirt", "problem", named(down) + ": " + (why.empty() ? "no connection" : why),
            "ballastctl hosts; on the host: systemctl status libvirtd virtqemud; from here: ballastd --look-at URI"};
}

Check judge_clocks(const value& hosts, bool synchronised) {
    std::vector<std::string> wrong;
    for (const value& host : list(hosts, "hosts"))
        for (const value& problem : list(host, "health"))
            if (text(problem, "source") == "clock") wrong.push_back(text(host, "id") + ": " + text(problem, "text"));
    if (!wrong.empty())
        return {"clocks", "problem", named(wrong), "chronyc tracking, or timedatectl timesync-status, on that host"};
    if (!synchronised)
        return {"clocks", "warning", "this machine's clock is not synchronised",
                "apt install chrony, or systemctl enable --now systemd-timesyncd"};
    return {"clocks", "ok", "synchronised here" + std::string(hosts.is_null() ? "" : ", and no host says otherwise")};
}

Check judge_cluster(const value& cluster) {
    std::vector<std::string> missing, differ;
    for (const value& member : list(cluster, "members")) {
        if (!flag(member, "registered")) missing.push_back(text(member, "host"));
        const value& same = at(member, "configuration_is_leaders");
        if (same.is_bool() && !same.get_bool()) differ.push_back(text(member, "host"));
    }
    if (text(cluster, "leader").empty())
        return {"cluster", "problem", "nobody leads",
                "ballastctl cluster members; is etcd well? etcdctl endpoint status"};
    if (!missing.empty())
        return {"cluster", "problem", "no daemon is registered for " + named(missing),
                "systemctl status ballastd on these hosts"};
    if (!differ.empty())
        return {"cluster", "warning", "another configuration than the leader's: " + named(differ),
                "make ballast.yaml and policy.d the same on all hosts, and reload"};
    return {"cluster", "ok",
            counted(static_cast<std::int64_t>(list(cluster, "members").size()), "member", "members") + ", " +
                text(cluster, "leader") + " leads"};
}

Check judge_power(const value& power) {
    std::vector<std::string> alarmed;
    std::int64_t switchable = 0;
    for (const value& host : list(power, "hosts")) {
        if (flag(host, "alarm") || flag(host, "quarantined")) alarmed.push_back(text(host, "host"));
        switchable += flag(host, "bmc") ? 1 : 0;
    }
    if (!alarmed.empty())
        return {"power", "problem", "alarm or quarantine: " + named(alarmed),
                "ballastctl power list; once you have looked: ballastctl power release HOST"};
    if (const std::string problem = text(power, "problem"); !problem.empty())
        return {"power", "warning", problem, "systemctl status ballast-powerd; only needed for hosts with BMCs"};
    return {"power", "ok",
            switchable == 0 ? std::string("no BMC is configured")
                            : counted(switchable, "host has", "hosts have") + " a BMC"};
}

Check judge_preflight(const value& report) {
    const value& counts = at(report, "counts");
    const auto problems = whole(counts, "problem"), warnings = whole(counts, "warning");
    if (problems + warnings == 0) return {"preflight", "ok", "nothing keeps VMs from moving"};
    return {"preflight", problems > 0 ? "problem" : "warning",
            counted(problems, "problem", "problems") + " and " + counted(warnings, "warning", "warnings") +
                " about live migration",
            "ballastctl preflight says which, and what to do"};
}

Check judge_space(const std::string& folder, double free_ratio, double free_bytes) {
    const std::string finding =
        folder + " has " + to_string(Bytes{static_cast<std::uint64_t>(free_bytes)}) + " left, " + percent(free_ratio);
    const std::string advice = "make room there: without any the daemon can write neither its store nor its log";
    if (free_ratio < hardly_ratio || free_bytes < hardly_bytes) return {"disk", "problem", finding, advice};
    if (free_ratio < little_ratio && free_bytes < little_bytes * 10) return {"disk", "warning", finding, advice};
    if (free_bytes < little_bytes) return {"disk", "warning", finding, advice};
    return {"disk", "ok", finding};
}

value as_json(const std::vector<Check>& checks) {
    static const std::vector<std::string> worst_last = {"ok", "unknown", "warning", "problem"};
    std::size_t worst = 0;
    array out;
    for (const Check& check : checks) {
        const auto rank = static_cast<std::size_t>(std::find(worst_last.begin(), worst_last.end(), check.status) -
                                                   worst_last.begin());
        worst = std::max(worst, rank);
        out.push_back(object{
            {"check", check.name}, {"status", check.status}, {"finding", check.finding}, {"advice", check.advice}});
    }
    return object{{"status", worst_last[worst]}, {"checks", std::move(out)}, {"bundle", nullptr}};
}

void show_checks(const value& report, Page& page) {
    Table table({{"Status"}, {"Check"}});
    table.set_note_title("Found");
    for (const value& check : list(report, "checks")) {
        const std::string status = text(check, "status"), advice = text(check, "advice");
        const Tone tone = status == "problem"   ? Tone::bad
                          : status == "warning" ? Tone::notice
                          : status == "ok"      ? Tone::good
                                                : Tone::faint;
        Phrase note(text(check, "finding"));
        if (!advice.empty()) note.add(" To do: " + advice, Tone::strong);
        table.add({Phrase(status, tone), text(check, "check")}, note);
    }
    page.table(table);
}

}  // namespace ballast::cli
