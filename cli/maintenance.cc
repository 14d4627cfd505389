// Hosts that are emptied, and those that take VMs again.
#include <algorithm>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/human.h"

namespace ballast::cli {

namespace {

// People who empty a host in mode observe would wait for ever.
void warn_if_nothing_moves(Session& session) {
    const auto status = session.try_fetch("/v1/status");
    if (!status || !status->ok() || !session.for_people()) return;
    if (const std::string hint = why_nothing_moves(status->body); !hint.empty())
        session.say(Phrase(hint, Tone::notice));
}

struct NamedHosts {
    std::vector<std::string> names{};
    Exit exit = Exit::ok;
};

// Those that are named, and those of the site.
NamedHosts hosts_of(Session& session, const MaintenanceWish& wish) {
    std::vector<std::string> hosts = wish.hosts;
    if (wish.site.empty() && hosts.empty()) {
        session.complain("ballastctl: name a HOST, or all hosts of a site by --site SITE; ballastctl hosts lists them");
        return {{}, Exit::usage};
    }
    if (wish.site.empty()) return {hosts};
    const Fetched answer = session.fetch("/v1/hosts");
    if (!answer) return {{}, answer.exit};
    const std::size_t named = hosts.size();
    for (const value& host : list(answer.body, "hosts"))
        if (text(host, "site") == wish.site && std::find(hosts.begin(), hosts.end(), text(host, "id")) == hosts.end())
            hosts.push_back(text(host, "id"));
    if (hosts.size() > named) return {hosts};
    session.complain("ballastctl: --site: no host is of site " + wish.site +
                     "; the sites are in ballastctl hosts -o json");
    return {{}, Exit::failed};
}

Fetched order(Session& session, const std::string& host, const object& wanted) {
    return session.post("/v1/maintenance/" + url_encoded(host), wanted);
}

void say_entered(const value& answer, const std::string& where, Page& page) {
    const std::string host = text(answer, "host");
    page.say(
        Phrase(host, Tone::strong).add(" is in maintenance: no VM comes, and those it has are to leave" + where + "."));
    page.say(Phrase("How far it is: ballastctl maintenance list. What keeps it: ballastctl explain host " + host + ".",
                    Tone::faint));
}

void say_left(const value& answer, Page& page) {
    const auto returning = whole(answer, "returning");
    page.say(Phrase(text(answer, "host"), Tone::strong)
                 .add(" left maintenance and takes VMs again. ")
                 .add(returning > 0 ? counted(returning, "VM that left it comes", "VMs that left it come") +
                                          " back as far as nothing speaks against it."
                                    : "Nothing moves back just for that."));
}

// One document for programs, however many hosts there are.
void print_all(Session& session, array answers, const std::function<void(const value&, Page&)>& say) {
    if (answers.empty()) return;
    session.print(object{{"hosts", std::move(answers)}}, [&](const value& body, Page& page) {
        for (const value& answer : list(body, "hosts")) say(answer, page);
    });
}

Exit wait_for_all(Session& session, const std::vector<std::string>& hosts) {
    Exit worst = Exit::ok;
    array ends;
    for (const std::string& host : hosts) {
        Fetched end = follow_evacuation(session, host);
        worst = worse(worst, end.exit);
        if (!end.body.is_null()) ends.push_back(std::move(end.body));
    }
    if (!session.for_people()) print_all(session, std::move(ends), {});
    return worst;
}

}  // namespace

// All of them first: VMs must not go to a host that is to be left as well.
Exit maintenance_enter(Session& session, const MaintenanceWish& wish) {
    const NamedHosts hosts = hosts_of(session, wish);
    if (hosts.exit != Exit::ok) return hosts.exit;
    object wanted{{"on", true}};
    if (!wish.to_site.empty()) wanted["to_site"] = wish.to_site;
    const std::string where = wish.to_site.empty() ? "" : " for site " + wish.to_site;
    Exit exit = Exit::ok;
    array answers;
    for (const std::string& host : hosts.names) {
        Fetched answer = order(session, host, wanted);
        exit = answer.exit;
        if (!answer) break;
        answers.push_back(std::move(answer.body));
    }
    if (exit == Exit::ok && wish.wait) return wait_for_all(session, hosts.names);
    print_all(session, std::move(answers), [&](const value& answer, Page& page) { say_entered(answer, where, page); });
    if (exit == Exit::ok) warn_if_nothing_moves(session);
    return exit;
}

Exit maintenance_leave(Session& session, const MaintenanceWish& wish) {
    const NamedHosts hosts = hosts_of(session, wish);
    if (hosts.exit != Exit::ok) return hosts.exit;
    array answers;
    Exit exit = Exit::ok;
    for (const std::string& host : hosts.names) {
        Fetched answer = order(session, host, object{{"on", false}});
        exit = answer.exit;
        if (!answer) break;
        answers.push_back(std::move(answer.body));
    }
    print_all(session, std::move(answers), say_left);
    return exit;
}

}  // namespace ballast::cli
