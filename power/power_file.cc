#include "power/power_file.h"

#include <algorithm>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "config/files.h"
#include "config/table_load.h"
#include "config/text.h"
#include "power/power_table.h"
#include "power/wake.h"
#include "service/children.h"

namespace ballast::power {

namespace {

using config::Diagnostics;

constexpr mode_t others = S_IROTH | S_IWOTH | S_IXOTH;
constexpr std::size_t longest_secret = 1024;
constexpr std::size_t longest_ipmi_password = 20;  // IPMI 2.0, table 22-30: 16 or 20 bytes

// One line, with or without its end.
std::optional<std::string> why_no_secret(const std::string& text, const Level& level) {
    if (text.empty()) return "is empty";
    if (text.size() > longest_secret) return "is longer than a secret can be";
    if (const auto bad = config::find_bad_text(text, false)) return "has to be one line of text, has " + bad->what;
    if (level.is_ipmi() && text.size() > longest_ipmi_password) return "is longer than IPMI's 20 bytes";
    return std::nullopt;
}

/// Looks for what the file speaks of.
class Resolver {
public:
    Resolver(const Surroundings& surroundings, Diagnostics& problems)
        : surroundings_(surroundings), problems_(problems) {}

    void resolve(Level& level) {
        const std::string program = surroundings_.agents + "/" + level.agent;
        if (::access(program.c_str(), X_OK) != 0)
            problem(level.place, program + " is not there; it comes with Debian's package fence-agents");
        for (auto& [name, secret] : level.secrets) resolve(name, secret, level);
    }

private:
    void problem(const config::Place& place, const std::string& message) {
        problems_.push_back({place.file, place.line, place.column, message});
    }

    void resolve(const std::string& name, Secret& secret, const Level& level) {
        secret.path = secret.file;
        if (!secret.credential.empty()) {
            if (!surroundings_.credentials) {
                if (surroundings_.credentials_needed)
                    problem(secret.place, "there are no credentials: the unit has no LoadCredential= for `" +
                                              secret.credential + "`");
                return;
            }
            secret.path = *surroundings_.credentials + "/" + secret.credential;
        }
        Diagnostics unreadable;
        auto text = config::read_file(secret.path, unreadable, others);
        if (!text) return problem(secret.place, secret.path + " " + unreadable.front().message);
        if (text->ends_with('\n')) text->pop_back();
        if (const auto why = why_no_secret(*text, level))
            return problem(secret.place, "the " + name + " in " + secret.path + " " + *why);
        secret.value = std::move(*text);
    }

    const Surroundings& surroundings_;
    Diagnostics& problems_;
};

}  // namespace

// What fence-agents 4.12 link to fence_ipmilan.
bool Level::is_ipmi() const {
    static const std::set<std::string> front_ends = {"fence_ipmilan", "fence_ipmilanplus", "fence_ilo3", "fence_ilo4",
                                                     "fence_ilo5",    "fence_imm",         "fence_idrac"};
    return front_ends.contains(agent);
}

Duration Level::longest() const {
    return 2 * timeout + 2 * service::time_to_die;
}

const Level* HostPower::ipmi_level() const {
    const auto found = std::find_if(levels.begin(), levels.end(), [](const Level& level) { return level.is_ipmi(); });
    return found == levels.end() ? nullptr : &*found;
}

Duration HostPower::longest() const {
    Duration all = wake_on_lan ? time_to_wake : Duration{};
    for (const Level& level : levels) all += level.longest() + (wake_on_lan ? level.longest() : Duration{});
    return all;
}

const HostPower* PowerFile::find(const HostId& id) const {
    const auto found = std::find_if(hosts.begin(), hosts.end(), [&](const HostPower& host) { return host.id == id; });
    return found == hosts.end() ? nullptr : &*found;
}

config::Loaded<PowerFile> check_power_text(const config::Source& source) {
    config::Load<PowerFile> load(power_table());
    load.add(source);
    return load.finish();
}

config::Loaded<PowerFile> load_power_file(const std::string& path, const Surroundings& surroundings) {
    Diagnostics problems;
    auto text = config::read_file(path, problems, others);
    if (!text) return problems;
    auto loaded = check_power_text({path, std::move(*text)});
    if (!loaded) return loaded;
    PowerFile file = *loaded;
    Resolver resolver(surroundings, problems);
    for (HostPower& host : file.hosts)
        for (Level& level : host.levels) resolver.resolve(level);
    return problems.empty() ? config::Loaded<PowerFile>(std::move(file)) : problems;
}

}  // namespace ballast::power
