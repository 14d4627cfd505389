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

// Null: it is not known.
bool differs(const value& member) {
    const value& same = at(member, "configuration_is_leaders");
    return same.is_bool() && !same.get_bool();
}

Phrase configuration_of(const value& member) {
    if (differs(member)) return Phrase("differs", Tone::bad);
    return flag(member, "configuration_is_leaders") ? Phrase("the leader's") : Phrase("");
}
}  // namespace

void show_cluster(const value& cluster, Page& page) {
    const std::string leader = text(cluster, "leader"), own = text(cluster, "member");
    Table table({{"Host"}, {"Agent"}, {"Role"}, {"Version"}, {"Configuration"}});
    std::string others;
    for (const value& member : list(cluster, "members")) {
        const std::string host = text(member, "host");
        const Phrase agent =
            flag(member, "registered") ? Phrase("registered", Tone::good) : Phrase("not registered", Tone::bad);
        std::string role = host == leader ? "leads" : "follows";
        if (host == own) role += ", answers you";
        table.add({Phrase(host, Tone::strong), agent, flag(member, "registered") ? role : std::string(),
                   text(member, "version"), configuration_of(member)});
        if (differs(member)) others += (others.empty() ? "" : ", ") + host;
    }
    page.table(table);
    if (!others.empty())
        page.say(Phrase("Another configuration than the leader's: " + others +
                            ". Make ballast.yaml and policy.d the same on all hosts, and restart or reload them.",
                        Tone::bad));
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
    const std::string since = text(member, "since");
    page.say(Phrase(host, Tone::strong)
                 .add(" leads, term " + std::to_string(whole(leader, "term")) +
                      (since.empty() ? "" : "; registered since " + local_time(since))));
}

}  // namespace ballast::cli
