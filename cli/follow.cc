#include "cli/follow.h"

#include <algorithm>

#include "cli/human.h"
#include "cli/progress_line.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {
constexpr int look_every_ms = 100;
// A daemon that restarts is back within seconds; after this long without it, somebody should look.
constexpr int patience_looks = 30;
// A plan made just before a sample may look stuck for a moment: it counts when seen this often in a row.
constexpr int stuck_looks = 3;
constexpr int bar_width = 20;

// Looks again and again. A missing answer is borne for a while, a refusal is not.
class Watcher {
public:
    explicit Watcher(Session& session) : session_(session) {}

    /// The body, or nothing while the daemon is away; `failure` is set when looking on makes no sense.
    std::optional<value> look(const std::string& target) {
        auto answer = session_.try_fetch(target);
        if (answer && answer->ok()) {
            missed_ = 0;
            return std::move(answer->body);
        }
        const bool may_come_back = !answer || answer->status == 503;
        if (may_come_back && ++missed_ < patience_looks) return std::nullopt;
        failure = session_.fetch(target).exit;  // once more, to have it reported
        return std::nullopt;
    }
    void wait() { session_.terminal().wait(look_every_ms); }

    Exit failure = Exit::ok;

private:
    Session& session_;
    int missed_ = 0;
};

bool all_waiting(const array& operations) {
    return std::all_of(operations.begin(), operations.end(),
                       [](const value& o) { return text(o, "state") == "waiting"; });
}

bool all_final_reasons(const array& stays) {
    return std::none_of(stays.begin(), stays.end(), [](const value& r) { return flag(r, "advisory"); });
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

Phrase evacuation_line(const value& explained, std::int64_t initial, const Style& style) {
    const auto left = whole(at(explained, "host"), "vms");
    const auto total = std::max<std::int64_t>(initial, 1);
    const double done = 1.0 - static_cast<double>(left) / static_cast<double>(total);
    return Phrase(" " + text(at(explained, "host"), "id") + " ", Tone::strong)
        .add(bar(done, bar_width, style))
        .add(" " + std::to_string(initial - left) + " of " + counted(initial, "VM has left", "VMs have left") +
             moving(list(explained, "operations")));
}

array about_the_vm(const array& stays) {
    array kept;
    for (const value& rejection : stays)
        if (text(rejection, "target").empty()) kept.push_back(rejection);
    return kept.empty() ? stays : kept;
}

void name_those_left(Session& session, const value& explained) {
    session.print(explained, [](const value& body, Page& page) {
        if (const array& leaves = list(body, "leaves"); !leaves.empty()) show_moves(leaves, page);
        if (const array& stays = list(body, "stays"); !stays.empty()) show_rejections(about_the_vm(stays), page);
    });
}

Exit end_of_evacuation(Session& session, const std::string& host, Evacuation how, const value& explained,
                       const value& status) {
    switch (how) {
        case Evacuation::emptied:
            session.print(explained, [&](const value&, Page& page) {
                page.say(Phrase(host, Tone::strong).add(" is empty. ").add("It can be worked on.", Tone::good));
            });
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

Exit follow_evacuation(Session& session, const std::string& host) {
    Watcher watcher(session);
    ProgressLine line(session);
    std::int64_t initial = -1;
    int stuck = 0;
    bool asked = false;
    for (;; watcher.wait()) {
        const auto explained = watcher.look("/v1/explain/host/" + url_encoded(host));
        const auto status = explained ? watcher.look("/v1/status") : std::nullopt;
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!explained || !status) continue;
        initial = std::max(initial, whole(at(*explained, "host"), "vms"));
        const auto left = whole(at(*explained, "host"), "vms");
        const array& operations = list(*explained, "operations");
        line.show(evacuation_line(*explained, initial, session.terminal().out_style),
                  std::to_string(left) + moving(operations));
        const Evacuation how = judge(*explained, *status);
        if (how == Evacuation::needs_approval && !asked) {
            line.finish();
            session.complain("These moves wait for you: ballastctl approve" + ids_of(operations));
            asked = true;
        }
        stuck = how == Evacuation::stuck ? stuck + 1 : 0;
        if (how == Evacuation::going_on || how == Evacuation::needs_approval ||
            (how == Evacuation::stuck && stuck < stuck_looks))
            continue;
        line.finish();
        return end_of_evacuation(session, host, how, *explained, *status);
    }
}

Exit follow_rolling(Session& session) {
    Watcher watcher(session);
    ProgressLine line(session);
    for (;; watcher.wait()) {
        const auto answer = watcher.look("/v1/rolling");
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!answer) continue;
        const value& run = at(*answer, "rolling");
        if (text(run, "state") == "running") {
            line.show(Phrase(" ").add(rolling_phrase(run)), text(run, "host") + text(run, "step"));
            continue;
        }
        line.finish();
        session.print(*answer, show_rolling);
        return text(run, "state") == "stopped" ? Exit::partly : Exit::ok;
    }
}

Exit follow_operation(Session& session, const std::string& id) {
    Watcher watcher(session);
    ProgressLine line(session);
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
                  state);
    }
}

Exit follow_power(Session& session, const std::string& host, const std::function<bool(const value&)>& as_wanted) {
    Watcher watcher(session);
    ProgressLine line(session);
    for (;; watcher.wait()) {
        const auto power = watcher.look("/v1/power");
        if (watcher.failure != Exit::ok) return watcher.failure;
        if (!power) continue;
        for (const value& one : list(*power, "hosts")) {
            if (text(one, "host") != host) continue;
            const std::string state = text(one, "state");
            if ((state.starts_with("switching") || state == "fencing") && !flag(one, "alarm")) {
                line.show(Phrase(" " + host + " ", Tone::strong).add(text(one, "message")), text(one, "message"));
                continue;
            }
            line.finish();
            session.print(one, show_host_power);
            return as_wanted(one) && !flag(one, "alarm") ? Exit::ok : Exit::failed;
        }
    }
}

}  // namespace ballast::cli
