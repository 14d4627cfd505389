#include "cli/commands.h"

#include <algorithm>
#include <ostream>

#include "cli/follow.h"
#include "cli/human.h"
#include "cli/names.h"
#include "cli/progress_line.h"
#include "cli/views/views.h"
#include "config/load.h"
#include "config/render.h"

namespace ballast::cli {

namespace {
std::string under(std::string_view route, std::string_view name) {
    return std::string(route) + url_encoded(name);
}

Exit each(Session& session, const std::vector<std::string>& operations, const std::string& verb) {
    Exit worst = Exit::ok;
    array answers;
    for (const std::string& id : operations) {
        const Fetched answer = session.post(under("/v1/operations/", id) + "/" + verb, nullptr);
        if (answer) answers.push_back(answer.body);
        worst = worse(worst, answer.exit);
        if (answer.exit == Exit::unreachable) break;
    }
    if (answers.empty()) return worst;
    session.print(object{{"operations", answers}}, [](const value& body, Page& page) {
        for (const value& operation : list(body, "operations")) show_operation(operation, page);
    });
    return worst;
}
}  // namespace

Exit status(Session& session) {
    const Fetched answer = session.fetch("/v1/status");
    if (!answer) return answer.exit;
    // A status without its migrations is better than none: a failure here is not reported.
    array active;
    if (session.for_people())
        if (const auto history = session.try_fetch("/v1/history?limit=1"); history && history->ok())
            active = list(history->body, "active");
    session.print(answer.body, [&](const value& body, Page& page) { show_status(body, active, page); });
    return Exit::ok;
}

Exit hosts(Session& session) {
    return session.show("/v1/hosts", show_hosts);
}

Exit vms(Session& session, const std::optional<std::string>& host) {
    if (!host) return session.show("/v1/vms", show_vms);
    const Fetched answer = session.fetch(under("/v1/hosts/", *host));
    if (!answer) return answer.exit;
    session.print(object{{"vms", at(answer.body, "vm_list")}}, show_vms);
    return Exit::ok;
}

Exit plan(Session& session, const std::string& what_if) {
    return session.show(what_if.empty() ? "/v1/plan" : under("/v1/plan?what_if=", what_if), show_dry_run);
}
Exit capacity(Session& session) {
    return session.show("/v1/capacity", show_capacity);
}
Exit explain_vm(Session& session, const std::string& vm) {
    return session.show(under("/v1/explain/vm/", vm), show_explained_vm);
}
Exit explain_host(Session& session, const std::string& host) {
    return session.show(under("/v1/explain/host/", host), show_explained_host);
}
Exit explain_cycle(Session& session, const std::string& cycle) {
    return session.show(under("/v1/explain/cycle/", cycle), show_cycle);
}
Exit history(Session& session, int limit) {
    return session.show("/v1/history?limit=" + std::to_string(limit), show_history);
}

Exit maintenance_list(Session& session) {
    const Fetched answer = session.fetch("/v1/hosts");
    if (!answer) return answer.exit;
    array some;
    for (const value& host : list(answer.body, "hosts"))
        if (flag(host, "maintenance")) some.push_back(host);
    session.print(object{{"hosts", some}}, show_maintenance_list);
    return Exit::ok;
}

Exit preflight(Session& session, const std::optional<std::string>& host) {
    ProgressLine line(session);
    line.show(Phrase(" asking the hosts, which may take a minute ...", Tone::faint), "");
    const auto said = session.try_fetch(host ? under("/v1/preflight?host=", *host) : "/v1/preflight");
    line.clear();
    if (!said) return session.report(said.error());
    if (!said->ok()) return session.report(*said);
    const Answer& answer = *said;
    session.print(answer.body, show_preflight);
    return text(answer.body, "status") == "problem" ? Exit::partly : Exit::ok;
}

Exit policy_show(Session& session) {
    return session.show("/v1/policy", show_policy);
}

Exit power_list(Session& session) {
    return session.show("/v1/power", show_power_list);
}

Exit energy(Session& session) {
    return session.show("/v1/energy", show_energy);
}

namespace {
// A daemon that runs alone does not know these routes.
Fetched ask_cluster(Session& session, const Result<Answer>& answer) {
    if (!answer) return {nullptr, session.report(answer.error())};
    if (answer->ok()) return {answer->body, Exit::ok};
    if (text(at(answer->body, "error"), "code") != "not_found") return {nullptr, session.report(*answer)};
    session.complain(Phrase("ballastctl: ", Tone::bad)
                         .add("this daemon runs alone: ballast.yaml says nothing of `cluster: {enabled: true}`"));
    session.complain("What a single daemon sees: ballastctl status. Several, one on each host: docs/cluster.md.");
    return {nullptr, Exit::failed};
}

Exit show_of_cluster(Session& session, const View& view) {
    const Fetched answer = ask_cluster(session, session.try_fetch("/v1/cluster"));
    if (answer) session.print(answer.body, view);
    return answer.exit;
}
}  // namespace

Exit cluster_status(Session& session) {
    return show_of_cluster(session, show_cluster);
}

Exit cluster_members(Session& session) {
    return show_of_cluster(session, show_members);
}

// Failed when nobody leads, for scripts that wait for one.
Exit cluster_leader(Session& session) {
    const Fetched answer = ask_cluster(session, session.try_fetch("/v1/cluster"));
    if (!answer) return answer.exit;
    const std::string leader = text(answer.body, "leader");
    object about{{"leader", at(answer.body, "leader")}, {"term", at(answer.body, "term")}};
    for (const value& member : list(answer.body, "members"))
        if (!leader.empty() && text(member, "host") == leader) about["member"] = member;
    session.print(about, show_leader);
    return leader.empty() ? Exit::failed : Exit::ok;
}

Exit transfer_leader(Session& session) {
    const Fetched answer = ask_cluster(session, session.api().call(Method::post, "/v1/cluster/transfer", object{}));
    if (!answer) return answer.exit;
    session.print(answer.body, [](const value& body, Page& page) {
        page.say(text(body, "leader_was") + " hands the lead over: `ballastctl cluster status` says to whom.");
    });
    return Exit::ok;
}

Exit power(Session& session, const PowerWish& wish) {
    object order{{"action", wish.action}};
    if (wish.force) order["force"] = true;
    const Fetched answer = session.post(under("/v1/power/", wish.host), order);
    if (!answer && !wish.force && text(at(answer.body, "error"), "code") == "refused")
        session.complain("With --force it goes against the policy, but never while a VM is on it.");
    if (!answer) return answer.exit;
    if (wish.wait)
        return follow_power(session, wish.host, [&](const value& now) {
            const bool proven = text(now, "proven_at") != text(answer.body, "proven_at");
            const std::string state = text(now, "state");
            if (wish.action == "fence" || wish.action == "confirm_off") return state == "lost";
            return wish.action == "off" ? state == "off" : state == "on" && (wish.action != "drill" || proven);
        });
    session.print(answer.body, show_host_power);
    return Exit::ok;
}

namespace {
Exit rolling(Session& session, const object& order, WaitWish wish) {
    const Fetched answer = session.post("/v1/rolling", order);
    if (!answer) return answer.exit;
    if (wish.wait) return follow_rolling(session);
    session.print(answer.body, show_rolling);
    return Exit::ok;
}
}  // namespace

Exit rolling_start(Session& session, const RollingWish& wish) {
    object order{{"action", "start"}};
    if (!wish.group.empty()) order["group"] = wish.group;
    array hosts;
    for (const std::string& host : wish.hosts) hosts.emplace_back(host);
    if (!hosts.empty()) order["hosts"] = std::move(hosts);
    if (!wish.command.empty()) order["command"] = wish.command;
    if (!wish.reboot.empty()) order["reboot"] = wish.reboot;
    return rolling(session, order, WaitWish{wish.wait});
}

Exit rolling_status(Session& session, WaitWish wish) {
    return wish.wait ? follow_rolling(session) : session.show("/v1/rolling", show_rolling);
}

Exit rolling_resume(Session& session, bool skip, WaitWish wish) {
    object order{{"action", "resume"}};
    if (skip) order["skip"] = true;
    return rolling(session, order, wish);
}

Exit rolling_stop(Session& session) {
    return rolling(session, object{{"action", "stop"}}, WaitWish{});
}

Exit migrate(Session& session, const MigrateWish& wish) {
    const Fetched answer = session.post("/v1/migrate", object{{"vm", wish.vm}, {"to", wish.to}, {"force", wish.force}});
    if (!answer && !wish.force && text(at(answer.body, "error"), "code") == "refused")
        session.complain("With --force it goes against the policy, but never against what libvirt checks.");
    if (!answer) return answer.exit;
    if (wish.wait) return follow_operation(session, text(answer.body, "id"));
    session.print(answer.body, show_operation);
    return Exit::ok;
}

Exit approve(Session& session, const std::vector<std::string>& operations) {
    return each(session, operations, "approve");
}
Exit cancel(Session& session, const std::vector<std::string>& operations) {
    return each(session, operations, "cancel");
}

Exit forget_vm(Session& session, const std::string& vm) {
    const Fetched answer = session.post(under("/v1/vms/", vm) + "/forget", nullptr);
    if (!answer) return answer.exit;
    session.print(answer.body, [](const value& body, Page& page) {
        page.say(Phrase(text(body, "name"), Tone::strong)
                     .add(", which ran on " + text(body, "host") + ", is yours: Ballast does not start it any more."));
    });
    return Exit::ok;
}

Exit set_paused(Session& session, bool paused) {
    const Fetched answer = session.post(paused ? "/v1/pause" : "/v1/resume", nullptr);
    if (!answer) return answer.exit;
    session.print(answer.body, [&](const value& body, Page& page) {
        page.say(
            paused
                ? "Paused: nothing new is started. Migrations that run end by themselves (ballastctl cancel ends one)."
                : "Resumed.");
        show_mode(body, page);
    });
    return Exit::ok;
}

Exit mode(Session& session, const std::optional<std::string>& wanted) {
    if (!wanted) return session.show("/v1/policy", [](const value& body, Page& page) { show_mode(body, page); });
    const value body = *wanted == "policy" ? value(nullptr) : value(*wanted);
    const Fetched answer = session.post("/v1/mode", object{{"mode", body}});
    if (answer) session.print(answer.body, show_mode);
    return answer.exit;
}

Exit reload(Session& session) {
    const auto answer = session.try_post("/v1/reload");
    if (!answer) return session.report(answer.error());
    const value& error = at(answer->body, "error");
    if (text(error, "code") == "refused") {
        for (const Phrase& line : lines_of(text(error, "message"))) session.complain_diagnostic(line.text());
        session.complain("Nothing changed: the last good policy stays in force.");
        return Exit::usage;
    }
    if (!answer->ok()) return session.report(*answer);
    session.print(answer->body, [](const value& body, Page& page) { page.say(text(body, "message") + "."); });
    return Exit::ok;
}

Exit policy_check(Session& session, const std::vector<std::string>& files) {
    const auto loaded = config::load_policy_files(files);
    for (const config::Diagnostic& problem : loaded.problems()) session.complain_diagnostic(to_string(problem));
    if (!loaded) return Exit::usage;
    session.print(object{{"valid", true}}, [&](const value&, Page& page) {
        page.say(counted(static_cast<std::int64_t>(files.size()), "file", "files") +
                 " checked: " + (files.size() == 1 ? "it is" : "together they are") + " a valid policy (mode " +
                 to_string(loaded->mode) + ", " +
                 counted(static_cast<std::int64_t>(loaded->rules.size()), "rule", "rules") + ").");
    });
    return Exit::ok;
}

Exit policy_defaults(Session& session) {
    session.print(object{{"yaml", config::policy_defaults_as_yaml()}}, show_policy);
    return Exit::ok;
}

Exit version(Session& session) {
    session.print(object{{"version", BALLAST_VERSION}},
                  [](const value&, Page& page) { page.verbatim("ballastctl " BALLAST_VERSION); });
    return Exit::ok;
}

Exit complete(Session& session, const VerbSpec& verbs, const std::vector<std::string>& typed) {
    const Candidates found = candidates(verbs, typed);
    for (const std::string& word : found.words) session.terminal().out << word << "\n";
    for (const std::string& name : names_of(found.kind, session.api())) session.terminal().out << name << "\n";
    if (found.kind == Kind::file) session.terminal().out << "\tfiles\n";
    return Exit::ok;
}

}  // namespace ballast::cli
