#include "cli/human.h"
#include "cli/views/parts.h"
#include "cli/views/views.h"

namespace ballast::cli {

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
    if (leader.empty()) page.say(Phrase("Nobody leads just now: nothing is planned.", Tone::bad));
}

}  // namespace ballast::cli
