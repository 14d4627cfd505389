#include "cli/follow.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "cli/human.h"
#include "cli/progress_line.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"
#include "model/units.h"

namespace ballast::cli {

namespace {
constexpr int look_every_ms = 100;
// A daemon that restarts is back within seconds, those that systemd waits for before it starts it again among them;
// after this long without it, somebody should look.
constexpr Duration patience = std::chrono::seconds{30};
constexpr int patience_looks = static_cast<int>(patience.count()) / look_every_ms;
// A plan made just before a sample may look stuck for a moment: it counts when seen this often in a row.
constexpr int stuck_looks = 3;
constexpr int bar_width = 20;
constexpr int looks_before_told = 5;
constexpr Duration least_to_judge_by = std::chrono::seconds{2};

using Clock = std::chrono::steady_clock;

// Looks again and again. A missing answer is borne for a while, a refusal is not.
class Watcher {
public:
    Watcher(Session& session, ProgressLine& line) : session_(session), line_(line) {}

    /// The body, or nothing while the daemon is away; `failure` is set when looking on makes no sense.
    std::optional<value> look(const std::string& target) {
        auto answer = session_.try_fetch(target);
        if (answer && answer->ok()) {
            missed_ = 0;
            answered_ = Clock::now();
            return std::move(answer->body);
        }
        const bool may_come_back = !answer || answer->status == 503;
        if (may_come_back && ++missed_ < patience_looks && Clock::now() - answered_ < patience) {
            if (missed_ > looks_before_told)
                line_.show(Phrase(" the daemon does not answer; waiting", Tone::notice), "away");
            return std::nullopt;
        }
        line_.finish();
        failure = session_.fetch(target).exit;  // once more, to have it reported
        return std::nullopt;
    }
    void wait() { session_.terminal().wait(look_every_ms); }
    Duration watched() const { return std::chrono::duration_cast<Duration>(Clock::now() - begun_); }

    Exit failure = Exit::ok;

private:
    Session& session_;
    ProgressLine& line_;
    int missed_ = 0;
    const Clock::time_point begun_ = Clock::now();
    Clock::time_point answered_ = begun_;
};

// ", about 4 min left" when so much of it took so long; nothing while that is a guess.
std::string time_left(double done, Duration took) {
    if (done <= 0 || done >= 1 || took < least_to_judge_by) return "";
    const double left = static_cast<double>(took.count()) * (1 - done) / done;
    return ", about " + to_string(Duration(static_cast<Duration::rep>(left) / 1000 * 1000)) + " left";
}

bool all_waiting(const array& operations) {
    return std::all_of(operations.begin(), operations.end(),
                       [](const value& o) { return text(o, "state") == "waiting"; });
}

// What speaks against one VM's leaving: for each, whether it is final or may pass.
struct Against {
    bool itself_final = false, itself_passing = false;
    std::map<std::string, bool> hosts;  // final is one for which something is

    bool is_final() const {
        if (itself_final || hosts.empty()) return itself_final || !itself_passing;
        return std::all_of(hosts.begin(), hosts.end(), [](const auto& host) { return host.second; });
    }
};

// A host to which it cannot go for good does not become possible because something else against it passes.
bool all_final_reasons(const array& stays) {
    std::map<std::string, Against> vms;
    for (const value& rejection : stays) {
        Against& vm = vms[text(rejection, "vm")];
        const std::string host = text(rejection, "target");
        const bool final = !flag(rejection, "advisory");
        if (text(rejection, "reason") == "no_target") continue;  // sums up what is said of the hosts
        if (!host.empty())
            vm.hosts[host] = vm.hosts[host] || final;
        else
            (final ? vm.itself_final : vm.itself_passing) = true;
    }
    return std::all_of(vms.begin(), vms.end(), [](const auto& vm) { return vm.second.is_final(); });
}

// Nothing is under way or planned, and what is in the way may pass.
bool waits_for_something(const value& explained) {
    return list(explained, "operations").empty() && list(explained, "leaves").empty() &&
           !list(explained, "stays").empty();
}

std::string ids_of(const array& operations) {
    std::string ids;
    for (const value& operation : operations) ids += " " + text(operation, "id");
    return ids;
}

std::string moving(const array& operations) {
    std::string names;
    for (const value& operation : operations)
        if (text(operation, "state") != "waiting") names += (names.empty() ? "" : ", ") + text(operation, "vm_name");
    return names.empty() ? "" : "; moving " + names;
}

// What all of them send together, where that is known.
std::string rate_of(const array& operations) {
    double sum = 0;
    for (const value& operation : operations)
        sum += number(at(operation, "progress"), "throughput_mib_per_s").value_or(0);
    return sum > 0 ? " at " + fixed(sum, 0) + " MiB/s" : "";
}

Phrase evacuation_line(const value& explained, std::int64_t initial, Duration watched, const Style& style) {
    const auto left = whole(at(explained, "host"), "vms");
    const auto total = std::max<std::int64_t>(initial, 1);
    const double done = 1.0 - static_cast<double>(left) / static_cast<double>(total);
    return Phrase(" " + text(at(explained, "host"), "id") + " ", Tone::strong)
        .add(bar(done, bar_width, style))
        .add(" " + std::to_string(initial - left) + " of " + counted(initial, "VM has left", "VMs have left") +
             time_left(done, watched) + moving(list(explained, "operations")) + rate_of(list(explained, "operations")));
}

// Hosts that are done; the one under way counts as nothing yet.
Phrase rolling_line(const value& run, const Style& style) {
    const auto hosts = static_cast<double>(std::max<std::size_t>(list(run, "hosts").size(), 1));
    const double done = static_cast<double>(whole(run, "done")) / hosts;
    std::string left;
    if (const auto began = seconds_since(text(run, "started"))) left = time_left(done, *began);
    return Phrase(" " + bar(done, bar_width, style) + " ").add(rolling_phrase(run)).add(left);
}

// By what the same took the last time.
Phrase power_line(const value& host, Duration watched, const Style& style) {
    const bool down = text(host, "state") != "switching_on";
    const auto took = number(host, down ? "shutdown_ms" : "boot_ms");
    Phrase phrase(" " + text(host, "host") + " ", Tone::strong);
    if (!took || *took <= 0) return phrase.add(text(host, "message") + ", for " + to_string(watched) + " now");
    const double done = std::min(static_cast<double>(watched.count()) / *took, 0.99);
    return phrase.add(bar(done, bar_width, style) + " " + text(host, "message") + ", " + to_string(watched) +
                      " of about " + duration(host, down ? "shutdown_ms" : "boot_ms"));
}

// What makes another line of it in a file.
std::string tenth_of(const value& operation) {
    const value& progress = at(operation, "progress");
    const double total = number(progress, "total_bytes").value_or(0);
    if (total <= 0) return "";
    return fixed(10 - std::ceil(10 * number(progress, "remaining_bytes").value_or(0) / total), 0) + " " +
           text(progress, "iteration");
}

array about_the_vm(const array& stays) {
    array kept;
    for (const value& rejection : stays)
        if (text(rejection, "target").empty()) kept.push_back(rejection);
    return kept.empty() ? stays : kept;
}

void show_those_left(const value& explained, Page& page) {
    if (const array& leaves = list(explained, "leaves"); !leaves.empty()) show_moves(leaves, page);
    if (const array& stays = list(explained, "stays"); !stays.empty()) show_rejections(about_the_vm(stays), page);
}

void name_those_left(Session& session, const value& explained) {
    if (session.for_people()) session.print(explained, show_those_left);
}

Exit end_of_evacuation(Session& session, const std::string& host, Evacuation how, const value& explained,
                       const value& status) {
    switch (how) {
        case Evacuation::emptied:
            session.say(Phrase(host, Tone::strong).add(" is empty. ").add("It can be worked on.", Tone::good));
            return Exit::ok;
        case Evacuation::called_off:
            session.complain(host + " is not in maintenance any more: somebody called it off.");
            return Exit::failed;
        case Evacuation::held: session.complain(why_nothing_moves(status)); break;
        default: session.complain("Only VMs that cannot be moved are left on " + host + ":");
    }
    name_those_left(session, explained);
    return Exit::partly;
}
}  // namespace

std::string why_nothing_moves(const value& status) {
    if (flag(status, "paused")) return "Ballast is paused and moves nothing: ballastctl resume";
    if (text(status, "mode") != "observe") return "";
    return "Mode observe moves nothing: ballastctl mode automatic (or confirm, to approve each move)";
}

Evacuation judge(const value& explained, const value& status) {
    const value& host = at(explained, "host");
    const array& operations = list(explained, "operations");
    const array& stays = list(explained, "stays");
    if (!flag(host, "maintenance")) return Evacuation::called_off;
    if (whole(host, "vms") == 0 && operations.empty()) return Evacuation::emptied;
    if (!operations.empty()) return all_waiting(operations) ? Evacuation::needs_approval : Evacuation::going_on;
    if (!why_nothing_moves(status).empty()) return Evacuation::held;
    const bool nothing_leaves = list(explained, "leaves").empty();
    return nothing_leaves && !stays.empty() && all_final_reasons(stays) ? Evacuation::stuck : Evacuation::going_on;
}

Fetched follow_evacuation(Session& session, const std::string& host) {
    ProgressLine line(session);
    Watcher watcher(session, line);
    std::int64_t initial = -1;
    int stuck = 0, waiting = 0;
    bool asked = false;
    for (;; watcher.wait()) {
        const auto explained = watcher.look("/v1/explain/host/" + url_encoded(host));
        const auto status = explained ? watcher.look("/v1/status") : std::nullopt;
        if (watcher.failure != Exit::ok) return {nullptr, watcher.failure};
        if (!explained || !status) continue;
        initial = std::max(initial, whole(at(*explained, "host"), "vms"));
        const auto left = whole(at(*explained, "host"), "vms");
        const array& operations = list(*explained, "operations");
        line.show(evacuation_line(*explained, initial, watcher.watched(), session.terminal().out_style),
                  std::to_string(left) + moving(operations));
        const Evacuation how = judge(*explained, *status);
        if (how == Evacuation::needs_approval && !asked) {
            line.finish();
            session.complain("These moves wait for you: ballastctl approve" + ids_of(operations));
            asked = true;
        }
        waiting = how == Evacuation::going_on && waits_for_something(*explained) ? waiting + 1 : 0;
        if (waiting == stuck_looks) {
            line.finish();
            session.complain("What is left on " + host + " cannot leave for now, and is waited for:");
            name_those_left(session, *explained);
        }
        stuck = how == Evacuation::stuck ? stuck + 1 : 0;
        if (how == Evacuation::going_on || how == Evacuation::needs_approval ||
            (how == Evacuation::stuck && stuck < stuck_looks))
            continue;
        line.finish();
        const Exit exit = end_of_evacuation(session, host, how, *explained, *status);
        return {*explained, exit};
    }
}

Exit follow_rolling(Session& session) {
    ProgressLine line(session);
    Watcher watcher(session, line);
    for (;; watcher.wait()) {
        const auto answer = watcher.look("/v1/rolling");
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!answer) continue;
        const value& run = at(*answer, "rolling");
        if (text(run, "state") == "running") {
            line.show(rolling_line(run, session.terminal().out_style), text(run, "host") + text(run, "step"));
            continue;
        }
        line.finish();
        session.print(*answer, show_rolling);
        return text(run, "state") == "stopped" ? Exit::partly : Exit::ok;
    }
}

Exit follow_operation(Session& session, const std::string& id) {
    ProgressLine line(session);
    Watcher watcher(session, line);
    for (;; watcher.wait()) {
        const auto operation = watcher.look("/v1/operations/" + url_encoded(id));
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!operation) continue;
        if (flag(*operation, "final")) {
            line.finish();
            session.print(*operation, show_operation);
            return text(*operation, "state") == "done" ? Exit::ok : Exit::failed;
        }
        const std::string state = text(*operation, "state");
        line.show(Phrase(" " + id + " " + text(*operation, "vm_name") + " ", Tone::strong)
                      .add(state_phrase(state))
                      .add(" ")
                      .add(progress(*operation, session.terminal().out_style).full),
                  state + " " + tenth_of(*operation));
    }
}

Exit follow_power(Session& session, const std::string& host, const std::function<bool(const value&)>& as_wanted) {
    ProgressLine line(session);
    Watcher watcher(session, line);
    for (;; watcher.wait()) {
        const auto power = watcher.look("/v1/power");
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!power) continue;
        const array& hosts = list(*power, "hosts");
        const auto found =
            std::find_if(hosts.begin(), hosts.end(), [&](const value& one) { return text(one, "host") == host; });
        if (found == hosts.end()) {
            line.finish();
            session.complain("ballastctl: " + host + " is no host of the configuration any more");
            return Exit::failed;
        }
        const value& one = *found;
        const std::string state = text(one, "state");
        // A lost host stays so until it is back, also while it is switched on.
        const bool passes = state.starts_with("switching") || state == "fencing" || state == "lost";
        if (passes && !as_wanted(one) && !flag(one, "alarm")) {
            line.show(power_line(one, watcher.watched(), session.terminal().out_style), text(one, "message"));
            continue;
        }
        line.finish();
        session.print(one, show_host_power);
        // Quarantined, which is an alarm: but that it is off is what was waited for.
        const bool off = state == "lost" && flag(one, "quarantined");
        return as_wanted(one) && (off || !flag(one, "alarm")) ? Exit::ok : Exit::failed;
    }
}

}  // namespace ballast::cli
