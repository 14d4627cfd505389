#include "cli/doctor.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/child.h"
#include "cli/init.h"
#include "cli/progress_line.h"
#include "cli/whole_file.h"
#include "config/load.h"

namespace ballast::cli {

namespace {
constexpr std::chrono::seconds short_patience{5};
constexpr double much_waiting = 10;  // percent of the last minute in which nothing went on for the disk's sake

// As ballastd --check reads them. The configuration stays as it is by default where it cannot be read.
Check judge_configuration(const std::string& file, config::DaemonOptions& options) {
    const std::string advice =
        "ballastd --check --config " + file + " says the same; docs/configuration.md has all keys";
    if (::access(file.c_str(), R_OK) != 0 && std::filesystem::exists(file))
        return {"configuration", "unknown", file + " may not be read", "run it as root: sudo ballastctl doctor"};
    const auto daemon = config::load_daemon_file(file);
    if (!daemon) return {"configuration", "problem", to_string(daemon.problems().front()), advice};
    options = *daemon;
    if (options.hosts.empty()) options.hosts.push_back(config::default_host(this_machine().hostname));
    const auto policy = config::load_policy_directory(options.policy_dir);
    if (!policy) return {"configuration", "problem", to_string(policy.problems().front()), advice};
    const auto problems = config::cross_check(options, *policy);
    if (!problems.empty()) return {"configuration", "problem", to_string(problems.front()), advice};
    return {"configuration", "ok", file + " and " + options.policy_dir + " are valid"};
}

std::string state_of_unit() {
    const auto said =
        run_child({"systemctl", "show", "--property=ActiveState,SubState,Result", "ballastd.service"}, short_patience);
    if (!said || said->status != 0) return "";
    std::string text;
    for (const std::string& line : text_lines(said->out)) text += (text.empty() ? "" : ", ") + line;
    return text;
}

Check daemon_is_away(const Error& error) {
    const std::string unit = state_of_unit();
    return {"daemon", "problem", to_string(error) + (unit.empty() ? "" : " (systemd: " + unit + ")"),
            error.code == ErrorCode::refused
                ? "join the group ballast or ballast-view, or run it as root"
                : "systemctl status ballastd, journalctl -u ballastd; then systemctl restart ballastd"};
}

// By the kernel: the clock's error is not known to it while nobody disciplines it [adjtimex(2)].
bool clock_is_synchronised() {
    timex clock{};
    return ::adjtimex(&clock) != TIME_ERROR;
}

// Without a daemon: does libvirt answer at all?
Check look_at_libvirt(const config::DaemonOptions& options) {
    std::vector<std::string> uris;
    for (const config::HostOptions& host : options.hosts) uris.push_back(host.uri);
    if (uris.empty()) return {"libvirt", "unknown", "no host is configured", "ballastctl init"};
    const auto said = this_machine().look_at_libvirt(uris);
    if (!said) return {"libvirt", "unknown", to_string(said.error()), "virsh -c " + uris.front() + " hostname"};
    for (const value& host : list(*said, "hosts"))
        if (!flag(host, "answers"))
            return {"libvirt", "problem", text(host, "uri") + ": " + text(host, "problem"),
                    "on that host: systemctl status libvirtd virtqemud"};
    return {"libvirt", "ok", "answers at " + uris.front() + (uris.size() > 1 ? " and all others" : "")};
}

std::vector<Check> judge_disks(const config::DaemonOptions& options) {
    std::vector<Check> checks;
    for (const std::string& folder : {options.state_dir, std::string("/var/log")}) {
        struct statvfs found {};
        if (::statvfs(folder.c_str(), &found) != 0 || found.f_blocks == 0) {
            checks.push_back(
                {"disk", "unknown", folder + " cannot be looked at", "is it there? sudo ballastctl doctor sees more"});
            continue;
        }
        const double free = static_cast<double>(found.f_bavail), all = static_cast<double>(found.f_blocks);
        checks.push_back(judge_space(folder, free / all, free * static_cast<double>(found.f_frsize)));
    }
    return checks;
}

// "full avg10=0.00 avg60=0.12 ..." [Linux Documentation/accounting/psi.rst]
Check judge_pressure() {
    const std::string text = read_if_there("/proc/pressure/io");
    const auto line = text.find("full ");
    const auto at = line == std::string::npos ? line : text.find("avg60=", line);
    if (at == std::string::npos) return {"pressure", "unknown", "the kernel does not tell its pressure (psi=1)"};
    const double waited = std::atof(text.c_str() + at + 6);
    std::ostringstream finding;
    finding << "everything waited for disks " << waited << " % of the last minute";
    if (waited < much_waiting) return {"pressure", "ok", finding.str()};
    return {"pressure", "warning", finding.str(), "iostat -x 1, iotop: what keeps the disks so busy?"};
}

Check judge_store(const value& status, const config::DaemonOptions& options) {
    for (const value& problem : list(status, "problems"))
        if (text(problem).find("store") != std::string::npos)
            return {"store", "problem", text(problem), "docs/store.md says what is to be done"};
    if (!status.is_null()) return {"store", "ok", options.store.kind + ": the daemon reads and writes it"};
    if (options.store.kind != "embedded")
        return {"store", "unknown", "etcd is asked by the daemon only", "etcdctl endpoint status"};
    std::error_code error;
    const bool there = std::filesystem::exists(options.state_dir, error);
    if (!there)
        return {"store", "problem", options.state_dir + " is not there",
                "systemctl start ballastd makes it; state_dir in ballast.yaml names it"};
    return {"store", "ok", options.state_dir + " is there"};
}

// All that is asked, in the order in which a person would look.
class Examination {
public:
    Examination(Session& session, const DoctorWish& wish) : session_(session), wish_(wish), line_(session) {}

    const std::vector<Check>& run() {
        const auto status = ask("/v1/status", "the daemon");
        Check configuration = judge_configuration(wish_.config, options_);
        if (status) {
            checks_.push_back({"daemon", "ok", "answers, in mode " + text(*status, "mode")});
            checks_.push_back(judge_version(*status));
        } else {
            checks_.push_back(daemon_is_away(status.error()));
        }
        checks_.push_back(std::move(configuration));
        const value seen = status ? *status : value();
        look_at_hosts(status.has_value());
        checks_.push_back(judge_store(seen, options_));
        for (Check& check : judge_disks(options_)) checks_.push_back(std::move(check));
        checks_.push_back(judge_pressure());
        if (status) ask_more(*status);
        line_.clear();
        return checks_;
    }
    const config::DaemonOptions& options() const { return options_; }

private:
    Result<value> ask(const std::string& target, const std::string& what) {
        line_.show(Phrase(" looking at " + what + " ...", Tone::faint), "");
        const auto answer = session_.try_fetch(target);
        if (!answer) return answer.error();
        if (!answer->ok()) return Error{ErrorCode::unavailable, target, text(at(answer->body, "error"), "message")};
        return answer->body;
    }

    void look_at_hosts(bool by_daemon) {
        const auto hosts = by_daemon ? ask("/v1/hosts", "the hosts") : Result<value>(value());
        if (by_daemon && hosts) checks_.push_back(judge_hosts(*hosts));
        if (!by_daemon) {
            line_.show(Phrase(" looking at libvirt ...", Tone::faint), "");
            checks_.push_back(look_at_libvirt(options_));
        }
        checks_.push_back(judge_clocks(hosts ? *hosts : value(), clock_is_synchronised()));
    }

    void ask_more(const value& status) {
        if (const auto cluster = ask("/v1/cluster", "the cluster")) checks_.push_back(judge_cluster(*cluster));
        if (const auto power = ask("/v1/power", "power")) checks_.push_back(judge_power(*power));
        for (Check& check : judge_alarms(status)) checks_.push_back(std::move(check));
        const auto report = ask("/v1/preflight", "live migration; that may take a minute");
        checks_.push_back(report ? judge_preflight(*report)
                                 : Check{"preflight", "unknown", report.error().message, "ballastctl preflight"});
    }

    Session& session_;
    const DoctorWish& wish_;
    ProgressLine line_;
    config::DaemonOptions options_;
    std::vector<Check> checks_;
};

Exit refused(Session& session, const std::string& why, Exit exit) {
    session.complain(Phrase("ballastctl: ", Tone::bad).add(why));
    return exit;
}
}  // namespace

Exit doctor(Session& session, const DoctorWish& wish) {
    if (!wish.bundle.empty() && !wish.bundle.ends_with(".tar.gz") && !wish.bundle.ends_with(".tgz"))
        return refused(session, "--bundle " + wish.bundle + ": its name has to end with .tar.gz", Exit::usage);
    if (!wish.bundle.empty() && ::access(wish.bundle.c_str(), F_OK) == 0)
        return refused(session, "--bundle " + wish.bundle + " is there already: give another name", Exit::usage);
    Examination examination(session, wish);
    value report = as_json(examination.run());
    Exit exit = text(report, "status") == "problem" ? Exit::partly : Exit::ok;
    BundleSaid said;
    if (!wish.bundle.empty()) {
        auto bundle = collect(session, wish, examination.options(), report);
        const auto written = bundle ? write_new_file(wish.bundle, bundle->bytes, 0600) : Result<void>(bundle.error());
        if (!written) return refused(session, "--bundle: " + to_string(written.error()), Exit::failed);
        report.as_object()["bundle"] = wish.bundle;
        said = std::move(*bundle);
    }
    session.print(report, [&](const value& body, Page& page) {
        show_checks(body, page);
        if (text(body, "bundle").empty()) return;
        page.blank().say(Phrase(wish.bundle, Tone::strong)
                             .add(" has " + std::to_string(said.files) +
                                  " files, without passwords, tokens, keys and users of URLs."));
        page.say("It names hosts and VMs. Look through it before you hand it on: tar tzf, tar xzf.");
        for (const std::string& missing : said.missing) page.item(Phrase("left out: " + missing, Tone::faint));
    });
    return exit;
}

}  // namespace ballast::cli
