#include "interchange/hbal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace ballast::interchange {

namespace {

// Beyond these a figure is a mistake of whoever wrote the file: 1 PiB of memory, 1 EiB of disk, as many CPUs as an
// inventory may have.
constexpr std::int64_t most_memory_mib = std::int64_t{1} << 30;
constexpr std::int64_t most_disk_mib = std::int64_t{1} << 40;
constexpr std::int64_t most_cpus = 65536;
// Each group is allowed or forbidden for each other's nodes.
constexpr std::size_t most_groups = 1000;
constexpr double most_speed = 1'000;
constexpr double most_vcpu_ratio = 10'000;
constexpr double most_utilisation = 1e9;

struct Field {
    std::string_view text;
    std::size_t line = 0, column = 0;  // from 1
};

struct Line {
    std::string_view text;
    std::size_t number = 0;
};

std::vector<Field> split(const Line& line, char separator) {
    std::vector<Field> fields;
    std::size_t begin = 0;
    for (std::size_t at = 0; at <= line.text.size(); ++at) {
        if (at < line.text.size() && line.text[at] != separator) continue;
        fields.push_back({line.text.substr(begin, at - begin), line.number, begin + 1});
        begin = at + 1;
    }
    return fields;
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> result;
    for (const Field& field : split({text}, ','))
        if (!field.text.empty()) result.emplace_back(field.text);
    return result;
}

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> lines;
    for (const Field& field : split({text}, '\n')) {
        std::string_view line = field.text;
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.push_back({line, lines.size() + 1});
    }
    return lines;
}

// The sections of a cluster file: each is closed by one empty line.
std::vector<std::vector<Line>> sections_of(std::string_view text) {
    std::vector<std::vector<Line>> sections(1);
    for (const Line& line : lines_of(text)) {
        if (line.text.empty())
            sections.emplace_back();
        else
            sections.back().push_back(line);
    }
    return sections;
}

// Names go into inventories, which are UTF-8; Ganeti's are host names.
bool is_plain(char c) {
    return c == '\n' || c == '\r' || (c >= ' ' && c <= '~');
}

Field field_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    return {{}, line + 1, offset - (before.rfind('\n') + 1) + 1};
}

// Reads figures out of fields. The first complaint is kept, later ones are its consequences.
class Reader {
public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    const std::optional<Error>& error() const { return error_; }

    void complain(const Field& field, const std::string& message) {
        if (error_) return;
        error_ = Error{ErrorCode::invalid,
                       file_ + ":" + std::to_string(field.line) + ":" + std::to_string(field.column), message};
    }

    std::int64_t whole(const Field& field, const char* what, std::int64_t least, std::int64_t most) {
        std::int64_t value = 0;
        if (!parsed(field, value))
            complain(field, std::string(what) + ": a whole number is needed here");
        else if (value < least || value > most)
            complain(field, std::string(what) + " must be " + std::to_string(least) + " to " + std::to_string(most));
        return value;
    }

    double real(const Field& field, const char* what, double most) {
        double value = 0;
        if (!parsed(field, value) || !std::isfinite(value))
            complain(field, std::string(what) + ": not a number");
        else if (value < 0 || value > most)
            complain(field, std::string(what) + " is negative or absurdly large");
        return value;
    }

    bool yes(const Field& field, const char* what) {
        if (field.text != "Y" && field.text != "N") complain(field, std::string(what) + " must be Y or N");
        return field.text == "Y";
    }

private:
    template <class Number>
    static bool parsed(const Field& field, Number& value) {
        const char* end = field.text.data() + field.text.size();
        const auto [stop, failure] = std::from_chars(field.text.data(), end, value);
        return failure == std::errc{} && stop == end;
    }

    std::string file_;
    std::optional<Error> error_;
};

class ClusterReader {
public:
    explicit ClusterReader(const std::string& file) : reader_(file) {}

    Result<HbalCluster> read(std::string_view text) {
        const auto sections = sections_of(text);
        if (const auto odd = std::find_if_not(text.begin(), text.end(), is_plain); odd != text.end())
            reader_.complain(field_at(text, static_cast<std::size_t>(odd - text.begin())),
                             "only printable ASCII characters are expected");
        else if (sections.size() < 3)
            reader_.complain({{}, 1, 1}, "groups, nodes and instances are needed, each closed by an empty line");
        else
            read_sections(sections);
        if (reader_.error()) return *reader_.error();
        return std::move(cluster_);
    }

private:
    void read_sections(const std::vector<std::vector<Line>>& sections) {
        for (const Line& line : sections[0]) group(split(line, '|'));
        for (const Line& line : sections[1]) node(split(line, '|'));
        for (const Line& line : sections[2]) instance(split(line, '|'));
        if (sections.size() > 3)
            for (const Line& line : sections[3]) cluster_tag(line.text);
        for (std::size_t i = 4; i < sections.size(); ++i)
            for (const Line& line : sections[i]) group_policy(split(line, '|'));
    }

    bool has(const std::vector<Field>& fields, std::size_t least, const char* what) {
        if (fields.size() >= least) return true;
        const Field& last = fields.back();
        reader_.complain({{}, last.line, last.column + last.text.size()},
                         std::string(what) + " has at least " + std::to_string(least) + " fields, this one " +
                             std::to_string(fields.size()));
        return false;
    }

    // Enters a name that must be new; says which number it got.
    void enter(std::map<std::string, std::size_t, std::less<>>& names, const Field& field, std::size_t number) {
        if (field.text.empty())
            reader_.complain(field, "a name is needed here");
        else if (!names.emplace(field.text, number).second)
            reader_.complain(field, "'" + std::string(field.text) + "' is there twice");
    }

    std::size_t find(const std::map<std::string, std::size_t, std::less<>>& names, const Field& field,
                     const char* what) {
        const auto found = names.find(field.text);
        if (found != names.end()) return found->second;
        reader_.complain(field, "unknown " + std::string(what) + " '" + std::string(field.text) + "'");
        return 0;
    }

    void group(const std::vector<Field>& fields) {  // name|uuid|allocation policy|tags|networks
        if (!has(fields, 2, "a group")) return;
        if (cluster_.groups.size() == most_groups) reader_.complain(fields[0], "more than 1000 groups");
        enter(group_names_, fields[0], cluster_.groups.size());
        enter(group_uuids_, fields[1], cluster_.groups.size());
        cluster_.groups.push_back({std::string(fields[0].text), std::string(fields[1].text), 0});
    }

    // name|t_mem|n_mem|f_mem|t_dsk|f_dsk|pcpu|offline|group|spindles|tags|excl|free_spindles|node_vcpus|cpu_speed
    void node(const std::vector<Field>& fields) {
        if (!has(fields, 9, "a node")) return;
        HbalNode node;
        enter(node_names_, fields[0], cluster_.nodes.size());
        node.name = fields[0].text;
        node.total_memory_mib = reader_.whole(fields[1], "total memory", 1, most_memory_mib);
        node.node_memory_mib = reader_.whole(fields[2], "the node's own memory", 0, node.total_memory_mib);
        node.free_memory_mib = reader_.whole(fields[3], "free memory", 0, node.total_memory_mib);
        node.total_disk_mib = reader_.whole(fields[4], "total disk", 0, most_disk_mib);
        node.free_disk_mib = reader_.whole(fields[5], "free disk", 0, most_disk_mib);
        node.cpus = reader_.whole(fields[6], "CPUs", 1, most_cpus);
        node.offline = fields[7].text == "Y";
        if (fields[7].text != "Y" && fields[7].text != "N" && fields[7].text != "M")
            reader_.complain(fields[7], "offline must be Y, N, or M for the master");
        node.group = find(group_uuids_, fields[8], "group");
        if (fields.size() > 13) node.node_vcpus = reader_.whole(fields[13], "the node's own vCPUs", 0, most_cpus);
        if (fields.size() > 14) node.cpu_speed = reader_.real(fields[14], "CPU speed", most_speed);
        if (node.cpu_speed == 0) reader_.complain(fields[14], "CPU speed must not be 0");
        cluster_.nodes.push_back(std::move(node));
    }

    // name|mem|disk|vcpus|status|auto_balance|pnode|snode|template|tags|spindle_use|spindles|forthcoming
    void instance(const std::vector<Field>& fields) {
        if (!has(fields, 9, "an instance")) return;
        HbalInstance instance;
        enter(instance_names_, fields[0], cluster_.instances.size());
        instance.name = fields[0].text;
        instance.memory_mib = reader_.whole(fields[1], "memory", 0, most_memory_mib);
        instance.disk_mib = reader_.whole(fields[2], "disk", 0, most_disk_mib);
        instance.vcpus = reader_.whole(fields[3], "vCPUs", 0, most_cpus);
        instance.status = fields[4].text;
        instance.auto_balance = reader_.yes(fields[5], "auto_balance");
        instance.node = find(node_names_, fields[6], "node");
        instance.disk_template = fields[8].text;
        if (fields.size() > 9) instance.tags = words(fields[9].text);
        cluster_.instances.push_back(std::move(instance));
    }

    void cluster_tag(std::string_view tag) {
        constexpr std::string_view exclusion = "htools:iextags:";
        if (tag.starts_with(exclusion)) cluster_.exclusion_prefixes.emplace_back(tag.substr(exclusion.size()));
    }

    void group_policy(
        const std::vector<Field>& fields) {  // group|standard|minmax|disk templates|vcpu ratio|spindle ratio
        if (!has(fields, 5, "a policy")) return;
        const double ratio = reader_.real(fields[4], "vCPU ratio", most_vcpu_ratio);
        if (!fields[0].text.empty()) {
            const std::size_t index = find(group_names_, fields[0], "group");
            if (!reader_.error()) cluster_.groups[index].vcpu_ratio = ratio;
            return;
        }
        for (HbalGroup& group : cluster_.groups)  // the cluster's own policy comes first and holds for all
            group.vcpu_ratio = ratio;
    }

    Reader reader_;
    HbalCluster cluster_;
    std::map<std::string, std::size_t, std::less<>> group_names_, group_uuids_, node_names_, instance_names_;
};

}  // namespace

bool HbalInstance::takes_memory() const {
    return status != "ADMIN_down" && status != "ADMIN_offline" && status != "ERROR_down" && status != "USER_down";
}

bool HbalInstance::takes_vcpus() const {
    return status != "ADMIN_offline";
}

bool HbalInstance::can_move() const {
    static constexpr std::array<std::string_view, 5> shared = {"ext", "rbd", "gluster", "sharedfile", "blockdev"};
    return auto_balance && std::find(shared.begin(), shared.end(), disk_template) != shared.end();
}

Result<HbalCluster> parse_hbal_cluster(std::string_view text, const std::string& file) {
    return ClusterReader(file).read(text);
}

Result<void> parse_hbal_utilisation(std::string_view text, const std::string& file, HbalCluster& cluster) {
    std::map<std::string_view, std::size_t> numbers;
    for (std::size_t i = 0; i < cluster.instances.size(); ++i) numbers.emplace(cluster.instances[i].name, i);
    Reader reader(file);
    std::vector<std::array<double, 4>> read(cluster.instances.size(), {1, 1, 1, 1});
    for (const Line& line : lines_of(text)) {
        if (line.text.empty()) continue;
        const auto fields = split(line, ' ');
        if (fields.size() != 5) {
            reader.complain(fields.back(), "a line is: instance cpu memory disk network, single spaces between");
            break;
        }
        std::array<double, 4> figures{};
        for (std::size_t k = 0; k < 4; ++k) figures[k] = reader.real(fields[k + 1], "utilisation", most_utilisation);
        const auto found = numbers.find(fields[0].text);
        if (found != numbers.end()) read[found->second] = figures;
    }
    if (reader.error()) return *reader.error();
    for (std::size_t i = 0; i < read.size(); ++i) cluster.instances[i].utilisation = read[i];
    return {};
}

}  // namespace ballast::interchange
