#include "power/ipmi.h"

#include <boost/algorithm/string.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <unistd.h>

namespace ballast::power {

namespace {

constexpr const char* password_file = "BALLAST_IPMI_PASSWORD_FILE";
constexpr const char* real_ipmitool = "BALLAST_IPMITOOL";
constexpr int exit_cannot_run = 126;  // as a shell's

const std::string* value_of(const Level& level, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const auto found = level.parameters.find(name); found != level.parameters.end())
            return &found->second.value;
    return nullptr;
}

bool is_true(const std::string& value) {
    return boost::iequals(value, "1") || boost::iequals(value, "yes") || boost::iequals(value, "on") ||
           boost::iequals(value, "true");
}

// What fence_ipmilan's symbolic links differ in.
bool uses_lanplus(const Level& level) {
    const std::string* lanplus = value_of(level, {"lanplus"});
    if (lanplus) return is_true(*lanplus);
    return level.agent != "fence_ipmilan" && level.agent != "fence_imm" && level.agent != "fence_idrac";
}

std::optional<double> number_in(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const bool whole = end != text.c_str() && *end == '\0' && std::isfinite(number) && number >= 0;
    return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

void add_password_file(Command& command, const Level& level, const Tools& tools) {
    command.environment.push_back(std::string(password_file) + "=" + level.secrets.begin()->second.path);
    command.environment.push_back(std::string(real_ipmitool) + "=" + tools.ipmitool);
}

// ipmitool takes the last password it is given, and options after its command as well.
std::optional<int> become_ipmitool(int argc, char** argv) {
    const char* file = std::getenv(password_file);
    const char* program = std::getenv(real_ipmitool);
    if (!file || !program) return std::nullopt;
    char option[] = "-f";
    std::string path = file;
    std::vector<char*> arguments(argv, argv + argc);
    arguments.insert(arguments.end(), {option, path.data(), nullptr});
    ::execv(program, arguments.data());
    std::perror(program);
    return exit_cannot_run;
}

Command ipmitool(const Level& level, const Tools& tools, std::vector<std::string> words) {
    Command command;
    command.program = tools.ipmitool;
    command.environment = plain_environment();
    command.deadline = level.timeout;
    auto& arguments = command.arguments;
    arguments = {"-I", uses_lanplus(level) ? "lanplus" : "lan"};
    const auto add = [&](const char* option, std::initializer_list<const char*> names) {
        if (const std::string* value = value_of(level, names)) arguments.insert(arguments.end(), {option, *value});
    };
    add("-H", {"ip", "ipaddr"});
    add("-p", {"ipport"});
    add("-U", {"username", "login"});
    add("-A", {"auth"});
    add("-C", {"cipher"});
    add("-L", {"privlvl"});
    add("-t", {"target"});
    add("-N", {"ipmitool_timeout"});
    if (!level.secrets.empty())
        arguments.insert(arguments.end(), {"-f", level.secrets.begin()->second.path});
    else
        arguments.insert(arguments.end(), {"-P", ""});  // or it would ask for one
    arguments.insert(arguments.end(), words.begin(), words.end());
    return command;
}

std::optional<double> dcmi_watts(const std::string& output) {
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || !boost::icontains(line.substr(0, colon), "Instantaneous power reading"))
            continue;
        std::string value = boost::trim_copy(line.substr(colon + 1));
        if (!boost::iends_with(value, "Watts")) return std::nullopt;
        value.resize(value.size() - std::string("Watts").size());
        return number_in(boost::trim_copy(value));
    }
    return std::nullopt;
}

std::map<std::string, double> sensor_watts(const std::string& output) {
    std::map<std::string, double> sensors;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> fields;  // name, value, unit, status
        boost::split(fields, line, boost::is_any_of(","));
        if (fields.size() < 3 || !boost::iequals(boost::trim_copy(fields[2]), "Watts")) continue;
        if (const auto value = number_in(boost::trim_copy(fields[1]))) sensors[boost::trim_copy(fields[0])] = *value;
    }
    return sensors;
}

}  // namespace ballast::power
