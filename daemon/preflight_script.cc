#include "daemon/preflight_script.h"

#include <charconv>
#include <sstream>

namespace ballast::daemon::preflight {

namespace {

constexpr std::size_t peers_at_once = 4;  // sshd refuses beyond 10 unauthenticated connections [MaxStartups]

// One line an answer, its fields separated by tabs; printed at once, as peers are tried side by side. `</dev/null`: ssh
// would eat the rest of the script.
constexpr const char* preamble = R"sh(LC_ALL=C; export LC_ALL
TAB=$(printf '\t')
say() {
  line=$1; shift
  for field in "$@"; do line="$line$TAB$(printf '%s' "$field" | tr '\t\r\n' '   ' | cut -c1-500)"; done
  printf '%s\n' "$line"
}
limited() { if command -v timeout >/dev/null; then timeout -k 1 "$@"; else shift; "$@"; fi; }
folder() { set -- "$1" $(limited 4 df -PTk -- "$1" 2>/dev/null </dev/null | awk 'NR == 2 {print $2, $1, $3, $5}'); say fs "$@"; }
name() { if limited 4 getent hosts "$1" >/dev/null 2>&1 </dev/null; then say name "$1" yes; else say name "$1" no; fi; }
sleep_states() { set -- $(limited 4 systemctl show --value -p LoadState "$@" 2>/dev/null </dev/null); say sleep "$@"; }
peer() {
  if ! command -v virsh >/dev/null; then say peer "$1" no_virsh; return; fi
  if answer=$(limited 6 virsh -q -c "$2" hostname 2>&1 </dev/null); then say peer "$1" reached "$answer"
  else say peer "$1" failed "${answer:-no answer within 6 s}"; fi
}
say time "$(date +%s.%N)"
say user "$(id -u)" "$(id -un)"
if [ -r /etc/libvirt/qemu.conf ]; then
  say conf_read
  sed -n 's/^[[:space:]]*\(lock_manager\|migration_[a-z_]*\)[[:space:]]*=[[:space:]]*"\{0,1\}\([^"#[:space:]]*\).*/\1 \2/p' /etc/libvirt/qemu.conf |
    while read -r key value; do say conf "$key" "$value"; done
fi
)sh";

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
    return parts;
}

template <class Number>
std::optional<Number> number(const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

std::optional<Bytes> kibibytes(const std::string& text) {
    const auto value = number<std::uint64_t>(text);
    return value ? std::optional(kib(*value)) : std::nullopt;
}

void read_time(ShellFacts& facts, const std::string& text, double begun, double heard) {
    const bool known = heard > 0;  // else it was not noted when it came
    if (const auto there = number<double>(text); there && known) facts.skew = ClockSkew{*there - heard, *there - begun};
}

void read_peer(ShellFacts& facts, const std::vector<std::string>& fields) {
    const std::string text = fields.size() > 3 ? fields[3] : "";
    if (fields[2] == "no_virsh") facts.peers[{fields[1]}] = {PeerAnswer::Kind::no_virsh, text};
    if (fields[2] == "reached") facts.peers[{fields[1]}] = {PeerAnswer::Kind::reached, text};
    if (fields[2] == "failed") facts.peers[{fields[1]}] = {PeerAnswer::Kind::failed, text};
}

// A state for each unit in the order of the question, or nothing can be told.
void read_sleep_targets(ShellFacts& facts, const std::vector<std::string>& fields) {
    if (fields.size() != std::size(sleep_target_names) + 1) return;
    for (std::size_t i = 1; i < fields.size(); ++i) facts.sleep_targets[sleep_target_names[i - 1]] = fields[i];
}

void read_line(ShellFacts& facts, const std::vector<std::string>& fields, double begun, double heard) {
    const std::string& what = fields[0];
    if (what == "conf_read") facts.qemu_conf_read = true;
    if (what == "end") facts.complete = true;
    if (what == "time" && fields.size() == 2) read_time(facts, fields[1], begun, heard);
    if (what == "conf" && fields.size() == 3) facts.qemu_conf[fields[1]] = fields[2];
    if (what == "name" && fields.size() == 3) facts.resolves[fields[1]] = fields[2] == "yes";
    if (what == "peer" && fields.size() >= 3) read_peer(facts, fields);
    if (what == "sleep") read_sleep_targets(facts, fields);
    if (what == "fs" && fields.size() == 6)
        facts.file_systems[fields[1]] = {fields[2], fields[3], kibibytes(fields[4]), kibibytes(fields[5])};
    if (what == "user" && fields.size() == 3) {
        facts.root = fields[1] == "0";
        facts.user = fields[2];
    }
}

/// What an URI of libvirt's ssh transport says [libvirt docs/uri.rst].
struct SshTarget {
    std::string user, host, port, keyfile;
    bool verify = true;
};

bool read_parameters(SshTarget& target, const std::string& query) {
    for (const std::string& parameter : split(query, '&')) {
        const auto equals = std::min(parameter.find('='), parameter.size());
        const std::string key = parameter.substr(0, equals);
        const std::string value = parameter.substr(std::min(equals + 1, parameter.size()));
        if (key == "command") return false;  // another program than ssh
        if (key == "keyfile") target.keyfile = value;
        if (key == "no_verify") target.verify = value == "0";
    }
    return target.keyfile.find('%') == std::string::npos;
}

void read_authority(SshTarget& target, std::string authority) {
    if (const auto at = authority.rfind('@'); at != std::string::npos) {
        target.user = authority.substr(0, at);
        authority.erase(0, at + 1);
    }
    const auto colon = authority.rfind(':');
    if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
        target.port = authority.substr(colon + 1);
        authority.erase(colon);
    }
    if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
    target.host = authority;
}

std::optional<SshTarget> ssh_target(const std::string& uri) {
    const auto scheme = uri.find("+ssh://");
    if (scheme == std::string::npos) return std::nullopt;
    const std::string rest = uri.substr(scheme + 7);
    SshTarget target;
    read_authority(target, rest.substr(0, rest.find_first_of("/?")));
    const auto query = rest.find('?');
    if (query != std::string::npos && !read_parameters(target, rest.substr(query + 1))) return std::nullopt;
    // A leading dash would be an option.
    if (target.host.empty() || target.host.starts_with('-') || target.user.starts_with('-')) return std::nullopt;
    return target;
}

}  // namespace

std::string shell_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string script_for(const ScriptQuestions& questions) {
    std::string script = preamble;
    script += "sleep_states";
    for (const char* unit : sleep_target_names) script += std::string(" ") + unit;
    script += "\n";
    for (const std::string& path : questions.paths) script += "folder " + shell_quoted(path) + "\n";
    for (const std::string& name : questions.hostnames) script += "name " + shell_quoted(name) + "\n";
    std::size_t started = 0;
    for (const auto& [host, uri] : questions.peer_uris) {
        script += "peer " + shell_quoted(host.value) + " " + shell_quoted(uri) + " &\n";
        if (++started % peers_at_once == 0) script += "wait\n";
    }
    return script + "wait\nsay end\n";
}

ShellFacts shell_facts_from(const std::string& output, double begun, double heard) {
    ShellFacts facts;
    const auto whole = output.rfind('\n');
    if (whole == std::string::npos) return facts;
    for (const std::string& line : split(output.substr(0, whole), '\n'))
        if (const auto fields = split(line, '\t'); !fields.empty()) read_line(facts, fields, begun, heard);
    return facts;
}

std::vector<std::string> ssh_arguments(const std::string& uri, const std::vector<std::string>& command) {
    const auto target = ssh_target(uri);
    if (!target) return {};
    std::vector<std::string> arguments = {"ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=8"};
    if (!target->verify) arguments.insert(arguments.end(), {"-o", "StrictHostKeyChecking=no"});
    if (!target->user.empty()) arguments.insert(arguments.end(), {"-l", target->user});
    if (!target->port.empty()) arguments.insert(arguments.end(), {"-p", target->port});
    if (!target->keyfile.empty()) arguments.insert(arguments.end(), {"-i", target->keyfile});
    arguments.insert(arguments.end(), {"--", target->host});
    arguments.insert(arguments.end(), command.begin(), command.end());
    return arguments;
}

}  // namespace ballast::daemon::preflight
