#include "power/power_table.h"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <set>

#include "config/names.h"
#include "config/text.h"

namespace ballast::power {

namespace {

using config::Codec;
using config::field;
using config::kind_name;
using config::Member;
using config::Node;
using config::option;
using config::Option;
using config::quoted;
using config::Reader;
using config::text;
using config::value_of;

constexpr std::size_t longest_name = 64;  // of agents and parameters; the longest in Debian has 32

bool is_word(const std::string& name) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), fits);
}

Result<std::string> check_agent(const std::string& name) {
    const bool right = name.starts_with("fence_") && name.size() > 6 && is_word(name);
    if (right) return name;
    return Error{ErrorCode::invalid, {}, "an agent is called fence_ and a-z, 0-9 or _, found " + quoted(name)};
}

// Each of these would undo what the broker promises: which action is run, how it is verified, that no secret is logged.
std::optional<std::string> why_not(const std::string& name) {
    static const std::set<std::string> ours = {"action", "option", "method", "help", "version"};
    if (!is_word(name)) return "the name of a parameter has a-z, 0-9 and _, found " + quoted(name);
    if (ours.contains(name)) return quoted(name) + " is the broker's to say";
    if (name.starts_with("verbose") || name.starts_with("debug")) return quoted(name) + " would log secrets";
    if (name.ends_with("_script")) return quoted(name) + " runs a command; use `secrets`";
    if (name == "ipmitool_path")
        return quoted(name) + " is set by the broker, which keeps the password off the process list";
    return std::nullopt;
}

bool is_secret(const std::string& name) {
    return name.find("passw") != std::string::npos || name == "hexadecimal_kg" || name == "community";
}

/// A map whose keys are parameters of an agent.
template <class V>
Codec<std::map<std::string, V>> by_parameter(std::string type,
                                             std::function<std::optional<V>(const Member&, Reader&)> read_value,
                                             std::function<std::string(const V&)> write_value) {
    using Map = std::map<std::string, V>;
    auto read = [read_value](const Node& node, Reader& reader) -> std::optional<Map> {
        const auto errors_before = reader.errors();
        if (node.kind != Node::Kind::map) reader.error(node, "expected names and values, found " + kind_name(node));
        Map values;
        for (const auto& member : node.members) {
            if (member.key.kind != Node::Kind::scalar) {
                reader.error(member.key, "expected a name, found " + kind_name(member.key));
            } else if (const auto problem = why_not(member.key.text)) {
                reader.error(member.key, *problem);
            } else if (auto value = read_value(member, reader)) {
                if (!values.emplace(member.key.text, std::move(*value)).second)
                    reader.error(member.key, "duplicate key " + quoted(member.key.text));
            }
        }
        return reader.errors() == errors_before ? std::optional(std::move(values)) : std::nullopt;
    };
    auto write = [write_value](const Map& values) {
        std::string all;
        for (const auto& [name, value] : values) all += (all.empty() ? "" : ", ") + name + ": " + write_value(value);
        return "{" + all + "}";
    };
    return {std::move(type), {}, std::move(read), std::move(write)};
}

std::optional<Parameter> read_parameter(const Member& member, Reader& reader) {
    const Node& node = member.value;
    if (is_secret(member.key.text)) {
        reader.error(member.key,
                     quoted(member.key.text) + " is a secret: write it to a file and name that in `secrets`");
    } else if (node.kind != Node::Kind::scalar) {
        reader.error(node, "expected a text or a number, found " + kind_name(node));
    } else if (const auto bad = config::find_bad_text(node.text, false)) {
        reader.error(node, "the value has " + bad->what + " in it");
    } else {
        return Parameter{node.text, reader.place(member.key)};
    }
    return std::nullopt;
}

Result<std::string> check_credential(const std::string& name) {
    if (auto checked = config::check_name(name); !checked) return checked;
    return name;
}

std::optional<Secret> read_secret(const Member& member, Reader& reader) {
    static const std::vector<Option<Secret>> rows = {
        option<Secret>("file", text("absolute path", config::check_path), field(&Secret::file), "its only line is it"),
        option<Secret>("credential", text("name", check_credential), field(&Secret::credential),
                       "of systemd: LoadCredential= or LoadCredentialEncrypted= of the unit"),
    };
    const auto errors_before = reader.errors();
    Secret secret;
    secret.place = reader.place(member.value);
    if (member.value.kind != Node::Kind::map) {
        reader.error(member.value, "expected {file: PATH} or {credential: NAME}");
        return std::nullopt;
    }
    config::read_map(rows, member.value, secret, reader);
    if (reader.errors() == errors_before && secret.file.empty() == secret.credential.empty())
        reader.error(member.value, "expected either {file: PATH} or {credential: NAME}");
    return reader.errors() == errors_before ? std::optional(secret) : std::nullopt;
}

Codec<std::map<std::string, Parameter>> parameters() {
    return by_parameter<Parameter>("map of parameters", read_parameter,
                                   [](const Parameter& value) { return config::yaml_text(value.value); });
}

Codec<std::map<std::string, Secret>> secrets() {
    return by_parameter<Secret>("map of secrets", read_secret, [](const Secret& secret) {
        return secret.file.empty() ? "{credential: " + secret.credential + "}"
                                   : "{file: " + config::yaml_text(secret.file) + "}";
    });
}

std::vector<Option<Level>> level_rows() {
    return {
        option<Level>("agent", text("fence agent", check_agent), field(&Level::agent),
                      "which of /usr/sbin/fence_*; required"),
        option<Level>("parameters", parameters(), field(&Level::parameters),
                      "as its manual page names them under STDIN PARAMETERS, such as `{ip: 192.0.2.1, lanplus: 1}`"),
        option<Level>("secrets", secrets(), field(&Level::secrets),
                      "parameters whose values are elsewhere: `{password: {file: PATH}}` or "
                      "`{password: {credential: NAME}}`"),
        option<Level>("timeout", config::duration(std::chrono::seconds{1}, std::chrono::minutes{5}),
                      field(&Level::timeout), "of one run of the agent; then it is killed; default 20s"),
    };
}

// IPMI's own password is the only secret that ipmitool takes from a file.
void check_ipmi_secrets(const Level& level, const Node& node, Reader& reader) {
    for (const auto& [name, secret] : level.secrets)
        if (name != "password" && name != "passwd")
            reader.error(value_of(node, "secrets"), level.agent + " would show " + quoted(name) +
                                                        " in the process list; it can have a `password`");
    if (level.secrets.size() > 1) reader.error(value_of(node, "secrets"), "one password is enough");
}

std::optional<Level> finish_level(const Level& form, const Node& node, Reader& reader) {
    const auto errors_before = reader.errors();
    Level level = form;
    level.place = reader.place(value_of(node, "agent"));
    if (level.agent.empty()) reader.error(node, "a level needs an `agent`");
    for (const auto& [name, secret] : level.secrets)
        if (level.parameters.contains(name))
            reader.error(value_of(node, "secrets"), quoted(name) + " is among the `parameters` already");
    if (level.is_ipmi()) check_ipmi_secrets(level, node, reader);
    return reader.errors() == errors_before ? std::optional(level) : std::nullopt;
}

Result<std::string> check_mac(const std::string& mac) {
    bool right = mac.size() == 17;
    for (std::size_t at = 0; right && at < mac.size(); ++at)
        right = at % 3 == 2 ? mac[at] == ':' : std::isxdigit(static_cast<unsigned char>(mac[at])) != 0;
    if (right) return mac;
    return Error{ErrorCode::invalid, {}, "expected a MAC such as 52:54:00:12:34:56, found " + quoted(mac)};
}

Result<std::string> check_broadcast(const std::string& address) {
    boost::system::error_code error;
    boost::asio::ip::make_address_v4(address, error);
    if (!error) return address;
    return Error{ErrorCode::invalid, {}, "expected an IPv4 address such as 192.0.2.255, found " + quoted(address)};
}

Codec<std::optional<WakeOnLan>> wake_on_lan() {
    static const std::vector<Option<WakeOnLan>> rows = {
        option<WakeOnLan>("mac", text("MAC address", check_mac), field(&WakeOnLan::mac),
                          "of its network card; required"),
        option<WakeOnLan>("broadcast", text("IPv4 address", check_broadcast), field(&WakeOnLan::broadcast),
                          "where to; default 255.255.255.255"),
    };
    auto read = [](const Node& node, Reader& reader) -> std::optional<std::optional<WakeOnLan>> {
        const auto errors_before = reader.errors();
        WakeOnLan wake;
        if (node.kind != Node::Kind::map) {
            reader.error(node, "expected an entry such as {mac: 52:54:00:12:34:56}, found " + kind_name(node));
        } else {
            config::read_map(rows, node, wake, reader);
            if (reader.errors() == errors_before && wake.mac.empty()) reader.error(node, "it needs a `mac`");
        }
        if (reader.errors() != errors_before) return std::nullopt;
        return std::optional(wake);
    };
    auto write = [](const std::optional<WakeOnLan>& wake) { return wake ? config::write_map(rows, *wake) : "none"; };
    return {"map", {}, std::move(read), std::move(write)};
}

Result<std::string> check_sensor(const std::string& name) {
    if (!name.empty() && name.size() <= longest_name && !config::find_bad_text(name, false)) return name;
    return Error{ErrorCode::invalid, {}, "expected the name of a sensor, found " + quoted(name)};
}

std::vector<Option<HostPower>> host_rows() {
    const auto id = config::converted<HostId, std::string>(
        text("name", config::check_name), [](const std::string& name) { return HostId{name}; },
        [](const HostId& host) { return host.value; });
    auto levels =
        config::list_of_maps<Level, Level>(level_rows(), finish_level, [](const Level& level) { return level; });
    return {
        option<HostPower>("name", id, field(&HostPower::id), "as in ballast.yaml; unique; required"),
        option<HostPower>("levels", std::move(levels), field(&HostPower::levels),
                          "ways to switch it, tried in this order until one is verified"),
        option<HostPower>("wake_on_lan", wake_on_lan(), field(&HostPower::wake_on_lan),
                          "the last way to switch it on: `{mac: 52:54:00:12:34:56, broadcast: 192.0.2.255}`"),
        option<HostPower>("reading", config::choice({"ipmi", "none"}), field(&HostPower::reading),
                          "where its watts are read; default none"),
        option<HostPower>("sensor", text("name of a sensor", check_sensor), field(&HostPower::sensor),
                          "of the unit Watts, when the BMC has several and no DCMI"),
    };
}

std::optional<HostPower> finish_host(const HostPower& host, const Node& node, Reader& reader) {
    const auto errors_before = reader.errors();
    if (host.id.empty()) {
        reader.error(node, "a host needs a `name`");
        return std::nullopt;
    }
    reader.declare("host name", host.id.value, value_of(node, "name"));
    if (host.levels.empty() && !host.wake_on_lan) reader.error(node, "a host needs `levels` or `wake_on_lan`");
    if (host.reading == "ipmi" && !host.ipmi_level())
        reader.error(value_of(node, "reading"), "`reading: ipmi` needs a level such as fence_ipmilan");
    return reader.errors() == errors_before ? std::optional(host) : std::nullopt;
}

Option<PowerFile> hosts() {
    auto codec = config::list_of_maps<HostPower, HostPower>(host_rows(), finish_host,
                                                            [](const HostPower& host) { return host; });
    auto row = option<PowerFile>("hosts", std::move(codec), field(&PowerFile::hosts), "the hosts that can be switched");
    for (const auto& field_row : host_rows()) row.fields.push_back(field_row.info);
    return row;
}

}  // namespace

const config::Table<PowerFile>& power_table() {
    static const config::Table<PowerFile> table = {"How the power of each host is switched.", {}, {hosts()}, {}};
    return table;
}

}  // namespace ballast::power
