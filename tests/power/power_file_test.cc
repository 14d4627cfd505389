#include "power/power_file.h"

#include "tests/power/lab.h"

using namespace ballast;
using namespace ballast::power;
using test::Lab;
using test::seconds;

namespace {

const std::string good = R"(hosts:
  - name: host1
    levels:
      - agent: fence_fake
        parameters: {ip: 192.0.2.1, lanplus: 1, username: "admin"}
        secrets:
          password: {file: LAB/password}
        timeout: 30s
      - agent: fence_ipmilan
        secrets: {password: {credential: host1-bmc}}
    wake_on_lan: {mac: 52:54:00:12:34:56, broadcast: 192.0.2.255}
    reading: ipmi
    sensor: Pwr Consumption
  - {name: host2, wake_on_lan: {mac: 52:54:00:12:34:57}}
)";

std::string in_lab(std::string text, const Lab& lab) {
    for (auto at = text.find("LAB"); at != std::string::npos; at = text.find("LAB")) text.replace(at, 3, lab.folder());
    return text;
}

struct Place {
    explicit Place(Lab& lab) {
        surroundings.agents = lab.folder();
        surroundings.credentials = lab.folder();
        for (const char* agent : {"fence_fake", "fence_ipmilan"}) lab.agent(agent);
        lab.write("password", "hunter2\n");
        lab.write("host1-bmc", "calvin");
        lab.write("power.yaml", in_lab(good, lab), 0640);
    }
    Surroundings surroundings;
};

std::string problems_of(const config::Loaded<PowerFile>& loaded) {
    return loaded ? std::string("none") : to_string(loaded.problems());
}

}  // namespace

TEST_CASE("a file says which agents switch which host and where their secrets are") {
    Lab lab;
    const Place place(lab);
    const auto loaded = load_power_file(lab.path("power.yaml"), place.surroundings);
    INFO(problems_of(loaded));
    REQUIRE(loaded);
    const HostPower& host = *loaded->find({"host1"});
    REQUIRE(host.levels.size() == 2);
    CHECK(host.levels[0].parameters.at("lanplus").value == "1");
    CHECK(host.levels[0].secrets.at("password").value == "hunter2");
    CHECK(host.levels[0].timeout == seconds{30});
    CHECK(host.levels[1].secrets.at("password").value == "calvin");
    CHECK(host.levels[1].secrets.at("password").path == lab.path("host1-bmc"));
    CHECK(host.wake_on_lan->broadcast == "192.0.2.255");
    CHECK(host.reading == "ipmi");
    CHECK(loaded->find({"host2"})->levels.empty());
    CHECK_FALSE(loaded->find({"host3"}));
}

TEST_CASE("what is wrong is said with its place") {
    const auto [text, problem] = GENERATE(table<std::string, std::string>({
        {"hosts:\n  - levels: [{agent: fence_fake}]", "p:2:5: hosts: a host needs a `name`"},
        {"hosts:\n  - name: a", "p:2:5: hosts: a host needs `levels` or `wake_on_lan`"},
        {"hosts: [{name: a, levels: [{agent: fence_a}]}, {name: a, levels: [{agent: fence_a}]}]",
         "is already used at p:1:16"},
        {"hosts: [{name: a, levels: [{}]}]", "p:1:28: hosts.levels: a level needs an `agent`"},
        {"hosts: [{name: a, levels: [{agent: ../fence_x}]}]", "p:1:36: hosts.levels.agent: an agent is called fence_"},
        {"hosts: [{name: a, levels: [{agent: fence_}]}]", "p:1:36: hosts.levels.agent: an agent is called fence_"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parametres: {}}]}]", "did you mean `parameters`?"},
        {"hosts: [{name: a, levels: [{agent: fence_a, timeout: 0s}]}]", "p:1:54"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {action: on}}]}]",
         "p:1:58: hosts.levels.parameters: `action` is the broker's to say"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {method: cycle}}]}]",
         "`method` is the broker's to say"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {passwd_script: /x}}]}]", "runs a command"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {verbose: 1}}]}]", "would log secrets"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {debug_file: /x}}]}]", "would log secrets"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {ipmitool_path: /x}}]}]", "is set by the broker"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {passwd: x}}]}]",
         "p:1:58: hosts.levels.parameters: `passwd` is a secret"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {\"a\\nb\": x}}]}]",
         "p:1:58: this value contains a line break"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {ip: \"a\\nb\"}}]}]", "p:1:62"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {ip: [a]}}]}]", "expected a text or a number"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {ip: a, ip: b}}]}]", "duplicate key `ip`"},
        {"hosts: [{name: a, levels: [{agent: fence_a, secrets: {x: y}}]}]",
         "expected {file: PATH} or {credential: NAME}"},
        {"hosts: [{name: a, levels: [{agent: fence_a, secrets: {x: {}}}]}]",
         "p:1:58: hosts.levels.secrets: expected either"},
        {"hosts: [{name: a, levels: [{agent: fence_a, secrets: {x: {file: /x, credential: y}}}]}]", "expected either"},
        {"hosts: [{name: a, levels: [{agent: fence_a, secrets: {x: {file: x}}}]}]", "p:1:65"},
        {"hosts: [{name: a, levels: [{agent: fence_a, secrets: {x: {credential: ../x}}}]}]", "p:1:71"},
        {"hosts: [{name: a, levels: [{agent: fence_a, parameters: {x: 1}, secrets: {x: {file: /x}}}]}]",
         "`x` is among the `parameters` already"},
        {"hosts: [{name: a, levels: [{agent: fence_ilo4, secrets: {hexadecimal_kg: {file: /x}}}]}]",
         "in the process list"},
        {"hosts: [{name: a, wake_on_lan: {mac: 52-54-00-12-34-56}}]", "p:1:38: hosts.wake_on_lan.mac: expected a MAC"},
        {"hosts: [{name: a, wake_on_lan: {broadcast: 192.0.2.255}}]", "it needs a `mac`"},
        {"hosts: [{name: a, wake_on_lan: {mac: 52:54:00:12:34:56, broadcast: x}}]", "expected an IPv4 address"},
        {"hosts: [{name: a, levels: [{agent: fence_apc}], reading: ipmi}]",
         "p:1:58: hosts: `reading: ipmi` needs a level"},
        {"hosts: [{name: a, levels: [{agent: fence_a}], reading: redfish}]", "expected `ipmi` or `none`"},
        {"host: []", "unknown key `host`"},
        {"hosts: &a [*a]", "p:1:8"},
    }));
    const auto checked = check_power_text({"p", text});
    REQUIRE_FALSE(checked);
    CHECK_THAT(to_string(checked.problems()), Catch::Contains(problem));
}

TEST_CASE("a file that others can read is refused") {
    Lab lab;
    const Place place(lab);
    const auto refused_with = [&](mode_t mode) {
        lab.write("power.yaml", in_lab(good, lab), mode);
        return problems_of(load_power_file(lab.path("power.yaml"), place.surroundings));
    };
    CHECK(refused_with(0640) == "none");
    CHECK(refused_with(0600) == "none");
    for (const mode_t mode : {0644, 0642, 0641, 0606})
        CHECK_THAT(refused_with(mode),
                   Catch::Contains("power.yaml:1:1: cannot be read: its mode lets others in: chmod 06"));
}

TEST_CASE("a secret that is not there, not one line, too long or readable by others is refused") {
    Lab lab;
    const Place place(lab);
    const auto with_secret = [&](const std::string& name, const std::string& text, mode_t mode = 0640) {
        lab.write(name, text, mode);
        return problems_of(load_power_file(lab.path("power.yaml"), place.surroundings));
    };
    const std::string at = "power.yaml:7:21: ";
    CHECK_THAT(with_secret("password", ""), Catch::Contains(at) && Catch::Contains("is empty"));
    CHECK_THAT(with_secret("password", "\n"), Catch::Contains(at) && Catch::Contains("is empty"));
    CHECK_THAT(with_secret("password", "one\ntwo\n"), Catch::Contains(at) && Catch::Contains("one line"));
    CHECK_THAT(with_secret("password", "one\r\n"), Catch::Contains(at) && Catch::Contains("one line"));
    CHECK_THAT(with_secret("password", "one\naction=on\n"), !Catch::Contains("action"));
    CHECK_THAT(with_secret("password", std::string(2000, 'x')), Catch::Contains(at) && Catch::Contains("longer"));
    CHECK_THAT(with_secret("password", "hunter2", 0644), Catch::Contains(at) && Catch::Contains("chmod 0640"));
    CHECK(with_secret("password", "hunter2") == "none");
    CHECK_THAT(with_secret("host1-bmc", std::string(21, 'x')),
               Catch::Contains("power.yaml:10:") && Catch::Contains("20 bytes"));
    std::filesystem::remove(lab.path("host1-bmc"));
    CHECK_THAT(problems_of(load_power_file(lab.path("power.yaml"), place.surroundings)),
               Catch::Contains("host1-bmc cannot be read"));
}

TEST_CASE("credentials are looked for in the unit only") {
    Lab lab;
    Place place(lab);
    place.surroundings.credentials.reset();
    CHECK_THAT(problems_of(load_power_file(lab.path("power.yaml"), place.surroundings)),
               Catch::Contains("has no LoadCredential="));
    place.surroundings.credentials_needed = false;
    CHECK(load_power_file(lab.path("power.yaml"), place.surroundings));
}

TEST_CASE("an agent that is not installed is said at load") {
    Lab lab;
    const Place place(lab);
    std::filesystem::remove(lab.path("fence_fake"));
    CHECK_THAT(problems_of(load_power_file(lab.path("power.yaml"), place.surroundings)),
               Catch::Contains("power.yaml:4:16: ") && Catch::Contains("package fence-agents"));
}

TEST_CASE("the longest time covers every run of every level") {
    const Level level = Lab::level("fence_fake", seconds{20});
    PowerFile file = Lab::file_of({level, level});
    CHECK(level.longest() >= 2 * level.timeout);
    CHECK(file.hosts[0].longest() == 2 * level.longest());
}
