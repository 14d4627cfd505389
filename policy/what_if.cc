#include "policy/what_if.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "policy/estimators.h"

namespace ballast::policy {

namespace {

using Kind = Supposition::Kind;

constexpr std::size_t most_suppositions = 16;
constexpr double most_cpus = 65536, most_gib = 1 << 20;  // eight times Linux's NR_CPUS; 1 PiB
constexpr const char* example = "add-host 32cpu,256GiB";

struct Word {
    const char* name;
    Kind kind;
};
constexpr Word words[] = {{"maintenance", Kind::maintenance},
                          {"lose", Kind::lose},
                          {"add-host", Kind::add_host},
                          {"remove-host", Kind::remove_host}};

Error wrong(std::string_view word, const std::string& why) {
    return {ErrorCode::invalid, std::string(word), why};
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto begin = text.find_first_not_of(separators);
        if (begin == std::string_view::npos) break;
        const auto end = std::min(text.find_first_of(separators, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
    return parts;
}

// "32cpu" -> 32 for the unit "cpu".
std::optional<double> amount(std::string_view text, std::string_view unit, double most) {
    if (!text.ends_with(unit)) return std::nullopt;
    text.remove_suffix(unit.size());
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
    if (!whole || !(value > 0) || value > most) return std::nullopt;
    return value;
}

std::optional<Bytes> memory_amount(std::string_view text) {
    if (const auto tib = amount(text, "TiB", most_gib / 1024)) return scaled(gib(1024), *tib);
    if (const auto whole = amount(text, "GiB", most_gib)) return scaled(gib(1), *whole);
    if (const auto mibs = amount(text, "MiB", most_gib * 1024)) return scaled(mib(1), *mibs);
    return std::nullopt;
}

Result<void> read_size(std::string_view size, Supposition& out) {
    const auto parts = split(size, ",");
    if (parts.size() != 2) return wrong(size, std::string("expected CPUs and memory, as in ") + example);
    const auto cpus = amount(parts[0], "cpu", most_cpus);
    if (!cpus) return wrong(parts[0], std::string("expected CPUs, as in ") + example);
    const auto memory = memory_amount(parts[1]);
    if (!memory) return wrong(parts[1], std::string("expected memory in MiB, GiB or TiB, as in ") + example);
    out.cpus = *cpus;
    out.memory = *memory;
    return {};
}

Result<Supposition> parse_one(std::string_view clause) {
    const auto parts = split(clause, " \t");
    const auto word =
        std::find_if(std::begin(words), std::end(words), [&](const Word& w) { return w.name == parts[0]; });
    if (word == std::end(words))
        return wrong(parts[0], "expected maintenance HOST, lose HOST, add-host SIZE or remove-host HOST");
    Supposition one;
    one.kind = word->kind;
    const bool to_site = one.kind == Kind::maintenance && parts.size() >= 3 && parts[2] == "to-site";
    if (to_site && parts.size() == 3) return wrong(parts[2], "needs the name of a site");
    if (to_site) one.to_site = parts[3];
    const std::size_t least = 2, most = to_site ? 4 : one.kind == Kind::add_host ? 3 : 2;
    if (parts.size() < least)
        return wrong(parts[0], one.kind == Kind::add_host ? std::string("needs a size, as in ") + example
                                                          : "needs the name of a host");
    if (parts.size() > most) return wrong(parts[most], "is one word too many");
    if (one.kind != Kind::add_host || parts.size() == 3) one.host = {std::string(parts[1])};
    if (one.kind != Kind::add_host) return one;
    if (const auto size = read_size(parts.back(), one); !size) return size.error();
    return one;
}

// A free name for a host that was given none.
HostId name_for(const Inventory& inventory) {
    for (unsigned i = 1;; ++i)
        if (const HostId id{"new-host-" + std::to_string(i)}; !inventory.hosts.contains(id)) return id;
}

const Host* model_for(const Inventory& inventory) {
    for (const auto& [id, host] : inventory.hosts)
        if (is_fresh(host) && host.facts.cpus > 0) return &host;
    return nullptr;
}

Result<void> add_host(const Supposition& one, Hypothesis& out, Instant now) {
    const Host* like = model_for(out.inventory);
    if (like == nullptr) return wrong("add-host", "no host reports that the new one could be like");
    Host host;
    host.id = one.host.empty() ? name_for(out.inventory) : one.host;
    if (out.inventory.hosts.contains(host.id))
        return Error{ErrorCode::conflict, host.id.value, "there is a host of this name already"};
    host.facts = like->facts;
    host.facts.uuid.clear();
    host.facts.hostname = host.id.value;
    host.facts.cpus = one.cpus;
    host.facts.memory_total = one.memory;
    host.load.cpu_used_cores = 0;
    host.load.memory_available = one.memory;
    host.connection = Connection::up;
    host.stale = false;
    host.sampled_at = now;
    HostMemory memory;
    memory.cpu_known = memory.other_known = true;
    memory.last_sample = now;
    out.memory.hosts[host.id] = memory;
    out.assumptions.push_back(host.id.value + " is added with " + fixed(one.cpus, 0) + " CPUs and " +
                              to_string(one.memory) + "; CPU model, networks and storage are taken to be those of " +
                              like->id.value);
    out.inventory.hosts.emplace(host.id, std::move(host));
    return {};
}

void lose(Host& host, Hypothesis& out, Instant now) {
    if (host.lost) return;
    host.lost = true;
    host.power_since = now;  // whoever left it before was not started elsewhere for this
    host.connection = Connection::down;
    out.assumptions.push_back(host.id.value + " is lost with everything that runs on it");
}

bool has_site(const Inventory& inventory, const std::string& site) {
    return std::any_of(inventory.hosts.begin(), inventory.hosts.end(),
                       [&](const auto& entry) { return entry.second.site == site; });
}

Result<void> apply(const Supposition& one, Hypothesis& out, Instant now) {
    if (one.kind == Kind::add_host) return add_host(one, out, now);
    const auto host = out.inventory.hosts.find(one.host);
    if (host == out.inventory.hosts.end()) return Error{ErrorCode::not_found, one.host.value, "there is no such host"};
    if (one.kind == Kind::lose) {
        lose(host->second, out, now);
        return {};
    }
    if (!one.to_site.empty() && !has_site(out.inventory, one.to_site))
        return Error{ErrorCode::not_found, one.to_site, "no host is of this site"};
    host->second.maintenance = true;
    host->second.to_site = one.to_site;
    out.assumptions.push_back(one.host.value +
                              (one.kind == Kind::maintenance ? " is in maintenance" : " is emptied and then removed") +
                              (one.to_site.empty() ? "" : ", its VMs leave for site " + one.to_site));
    return {};
}

}  // namespace

Result<std::vector<Supposition>> parse_what_if(std::string_view text) {
    std::vector<Supposition> all;
    for (const std::string_view clause : split(text, ";")) {
        if (split(clause, " \t").empty()) continue;
        auto one = parse_one(clause);
        if (!one) return one.error();
        all.push_back(std::move(*one));
        if (all.size() > most_suppositions) return wrong(clause, "is one supposition too many; 16 are allowed");
    }
    if (all.empty()) return wrong(text, "expected a supposition such as: maintenance host3; " + std::string(example));
    return all;
}

Result<Hypothesis> suppose(const std::vector<Supposition>& suppositions, const Inventory& inventory,
                           const Memory& memory, Instant now) {
    Hypothesis out{inventory, memory, {}};
    for (const Supposition& one : suppositions)
        if (const auto applied = apply(one, out, now); !applied) return applied.error();
    return out;
}

}  // namespace ballast::policy
