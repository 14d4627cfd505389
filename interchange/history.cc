#include "interchange/history.h"

#include <boost/crc.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>

#include "interchange/tables.h"

namespace ballast::interchange {

namespace {
using Figures = std::vector<std::vector<std::optional<double>>>;

// One line. Hosts and VMs are those that are new or have changed, without their load; the figures are of all, by id.
struct Line {
    std::int64_t at_ms = 0;
    std::map<HostId, Host> hosts;
    std::map<VmId, Vm> vms;
    std::vector<HostId> gone_hosts;
    std::vector<VmId> gone_vms;
    std::optional<policy::Options> options;
    Figures host_figures;  // fresh (1 or 0), CPU used in cores, memory available in MiB, memory pressure
    Figures vm_figures;    // CPU used in cores, ready ratio, resident memory in MiB, dirty rate in MiB/s
};
}  // namespace

template <>
struct Described<Line> {
    using T = Line;
    static constexpr auto fields = std::tuple{
        required("at_ms", &T::at_ms, {0, farthest_ms}),
        field("hosts", &T::hosts),
        field("vms", &T::vms),
        field("gone_hosts", &T::gone_hosts),
        field("gone_vms", &T::gone_vms),
        field("options", &T::options),
        required("host_figures", &T::host_figures),
        required("vm_figures", &T::vm_figures),
    };
};

namespace {

constexpr std::size_t checksum_length = 8;

std::string checksum_of(std::string_view text) {
    boost::crc_32_type crc;
    crc.process_bytes(text.data(), text.size());
    char digits[checksum_length + 1];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(crc.checksum()));
    return digits;
}

std::optional<double> rounded(std::optional<double> value) {
    if (!value || !(*value >= 0) || !std::isfinite(*value)) return std::nullopt;
    return std::round(*value * 1000) / 1000;
}
std::optional<double> in_mib(std::optional<Bytes> bytes) {
    if (!bytes) return std::nullopt;
    return std::round(bytes->mib());
}
std::optional<Bytes> from_mib(std::optional<double> count) {
    if (!count) return std::nullopt;
    return scaled(mib(1), *count);
}

Host without_figures(Host host) {
    host.load = {};
    host.sampled_at.reset();
    host.stale = true;
    host.problem.clear();
    return host;
}
Vm without_figures(Vm vm) {
    vm.load = {};
    vm.started_at.reset();
    return vm;
}

std::string on_one_line(const json::value& value) {
    std::string text = to_text(value, 0);
    text.pop_back();
    return text;
}

// Appends as a list what `text_of` says of each item; what it says nothing of is left out.
template <class Items, class TextOf>
void append_list(std::string& line, const Items& items, TextOf text_of) {
    line += '[';
    bool first = true;
    for (const auto& item : items) {
        const std::string text = text_of(item);
        if (text.empty()) continue;
        if (!std::exchange(first, false)) line += ", ";
        line += text;
    }
    line += ']';
}

// Those that are not as last written. A change that has the hash of what was there before would be missed: one in 2^64.
template <class Map, class Key>
void append_changes(std::string& line, const Map& now, std::map<Key, std::size_t>& written) {
    append_list(line, now, [&](const auto& entry) {
        std::string text = on_one_line(to_json(without_figures(entry.second)));
        const std::size_t hash = std::hash<std::string>()(text);
        const auto [before, is_new] = written.try_emplace(entry.first, hash);
        if (!is_new && before->second == hash) return std::string();
        before->second = hash;
        return text;
    });
}

template <class Map, class Key>
std::vector<Key> take_gone(const Map& now, std::map<Key, std::size_t>& written) {
    std::vector<Key> gone;
    std::erase_if(written, [&](const auto& entry) {
        const bool missing = !now.contains(entry.first);
        if (missing) gone.push_back(entry.first);
        return missing;
    });
    return gone;
}

std::vector<std::optional<double>> figures_of(const Host& host) {
    return {host.stale || !host.sampled_at ? 0.0 : 1.0, rounded(host.load.cpu_used_cores),
            in_mib(host.load.memory_available), rounded(host.load.pressure.memory_some)};
}
std::vector<std::optional<double>> figures_of(const Vm& vm) {
    return {rounded(vm.load.cpu_used_cores), rounded(vm.load.ready_ratio), in_mib(vm.load.memory_rss),
            rounded(vm.load.dirty_rate_mib_per_s)};
}
template <class Map>
void append_figures(std::string& line, const Map& items) {
    append_list(line, items, [](const auto& entry) { return on_one_line(to_json(figures_of(entry.second))); });
}

void set_figures(Host& host, const std::vector<std::optional<double>>& row, Instant at) {
    host.stale = row[0].value_or(0) == 0;
    host.sampled_at = host.stale ? std::nullopt : std::optional(at);
    host.load.cpu_used_cores = row[1];
    host.load.memory_available = from_mib(row[2]);
    host.load.pressure.memory_some = row[3];
}
void set_figures(Vm& vm, const std::vector<std::optional<double>>& row, Instant) {
    vm.load.cpu_used_cores = row[0];
    vm.load.ready_ratio = row[1];
    vm.load.memory_rss = from_mib(row[2]);
    vm.load.dirty_rate_mib_per_s = row[3];
}

template <class Map>
bool set_all_figures(Map& items, const Figures& figures, Instant at) {
    if (figures.size() != items.size()) return false;
    auto row = figures.begin();
    for (auto& [id, item] : items) {
        if (row->size() != 4) return false;
        set_figures(item, *row++, at);
    }
    return true;
}

template <class Map, class Keys>
void change(Map& items, Map&& changed, const Keys& gone) {
    for (auto& [id, item] : changed) items[id] = std::move(item);
    for (const auto& id : gone) items.erase(id);
}

// An error text, or nothing when the snapshot is up to date with the line.
std::string apply(std::string_view text, Snapshot& snapshot) {
    if (text.size() <= checksum_length ||
        checksum_of(text.substr(checksum_length + 1)) != text.substr(0, checksum_length))
        return "its checksum is wrong";
    const auto node = parse_json(text.substr(checksum_length + 1));
    Line line;
    Reader reader;
    if (!node) return node.error().message;
    if (!from_json(*node, line, {}, Path{}, reader)) return reader.message;
    snapshot.at = WallTime(Duration(line.at_ms));
    change(snapshot.inventory.hosts, std::move(line.hosts), line.gone_hosts);
    change(snapshot.inventory.vms, std::move(line.vms), line.gone_vms);
    if (line.options) snapshot.options = std::move(*line.options);
    const Instant at{Duration(line.at_ms)};
    const bool complete = set_all_figures(snapshot.inventory.hosts, line.host_figures, at) &&
                          set_all_figures(snapshot.inventory.vms, line.vm_figures, at);
    return complete ? "" : "its figures are not those of its hosts and VMs";
}

}  // namespace

void HistoryWriter::begin_file() {
    *this = {};
}

// Host by host and VM by VM: as values, all of them would be several times the line.
std::string HistoryWriter::line(const Snapshot& snapshot) {
    const Inventory& now = snapshot.inventory;
    std::string line(checksum_length, ' ');
    line += " {\"at_ms\": " + std::to_string(snapshot.at.time_since_epoch().count()) + ", \"hosts\": ";
    append_changes(line, now.hosts, hosts_);
    line += ", \"vms\": ";
    append_changes(line, now.vms, vms_);
    line += ", \"gone_hosts\": " + on_one_line(to_json(take_gone(now.hosts, hosts_)));
    line += ", \"gone_vms\": " + on_one_line(to_json(take_gone(now.vms, vms_)));
    const std::string options = on_one_line(to_json(snapshot.options));
    const std::size_t before = std::exchange(options_, std::hash<std::string>()(options));
    line += ", \"options\": " + (options_ == before ? "null" : options);
    line += ", \"host_figures\": ";
    append_figures(line, now.hosts);
    line += ", \"vm_figures\": ";
    append_figures(line, now.vms);
    line += '}';
    line.replace(0, checksum_length, checksum_of(std::string_view(line).substr(checksum_length + 1)));
    return line += '\n';
}

HistoryRead read_history(std::string_view file, const std::function<void(const Snapshot&)>& take) {
    HistoryRead read;
    Snapshot snapshot;
    for (std::size_t number = 1; !file.empty(); ++number) {
        const auto end = file.find('\n');
        std::string problem = end == std::string_view::npos ? "it does not end" : apply(file.substr(0, end), snapshot);
        if (!problem.empty()) {
            read.problem = "line " + std::to_string(number) + ": " + problem;
            break;
        }
        take(snapshot);
        ++read.snapshots;
        file.remove_prefix(end + 1);
    }
    return read;
}

}  // namespace ballast::interchange
