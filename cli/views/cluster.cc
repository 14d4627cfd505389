#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

namespace {

Phrase nobody_leads() {
    return Phrase("Nobody leads just now: nothing is planned.", Tone::bad);
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string protocols(const value& member) {
    const std::int64_t newest = whole(member, "protocol"), oldest = whole(member, "oldest_protocol");
    if (newest == 0) return "-";
    return oldest == newest ? std::to_string(newest) : std::to_string(oldest) + "-" + std::to_string(newest);
}

Phrase trouble(const value& member) {
    if (const std::string problem = text(member, "problem"); !problem.empty()) return Phrase(problem, Tone::bad);
    const bool strange = !flag(member, "configured");
    return strange ? Phrase("not one of the `hosts` of who answers you", Tone::notice) : Phrase();
}

}  // namespace

void show_cluster(const value& cluster, Page& page) {
    const std::string leader = text(cluster, "leader"), own = text(cluster, "member");
    Table table({{"Host"}, {"Agent"}, {"Role"}});
    for (const value& member : list(cluster, "members")) {
        const std::string host = text(member, "host");
        const Phrase agent =
            flag(member, "registered") ? Phrase("registered", Tone::good) : Phrase("not registered", Tone::bad);
        std::string role = host == leader ? "leads" : "follows";
        if (host == own) role += ", answers you";
        table.add({Phrase(host, Tone::strong), agent, flag(member, "registered") ? role : std::string()});
    }
    page.table(table);
    if (leader.empty()) page.say(nobody_leads());
}

void show_members(const value& cluster, Page& page) {
    const std::string leader = text(cluster, "leader");
    Table table({{"Host"},
                 {"Role"},
                 {"Version"},
                 {"Protocol", Column::Align::right},
                 {"Since", Column::Align::left, 1},
                 {"Boot", Column::Align::left, 2}});
    for (const value& member : list(cluster, "members")) {
        const std::string host = text(member, "host");
        if (!flag(member, "registered")) {
            table.add({Phrase(host, Tone::strong), Phrase("not registered", Tone::bad), "", "", "", ""});
            continue;
        }
        table.add({Phrase(host, Tone::strong), host == leader ? "leads" : "follows", or_dash(text(member, "version")),
                   protocols(member), or_dash(local_time(text(member, "since"))), or_dash(text(member, "boot"))},
                  trouble(member));
    }
    page.table(table);
    if (leader.empty()) page.say(nobody_leads());
}

void show_leader(const value& leader, Page& page) {
    const std::string host = text(leader, "leader");
    if (host.empty()) {
        page.say(nobody_leads());
        return;
    }
    const value& member = at(leader, "member");
    const std::string since = local_time(text(member, "since"));
    page.say(Phrase(host, Tone::strong)
                 .add(" leads, term " + std::to_string(whole(leader, "term")) +
                      (since.empty() ? "" : "; registered since " + since)));
}

}  // namespace ballast::cli
