#include "power/ipmi.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "power/metadata.h"
#include "tests/power/lab.h"

using namespace ballast;
using namespace ballast::power;
using test::Lab;
using test::seconds;

namespace {

const HostId host1{"host1"};

bool is_installed(const std::string& program) {
    if (::access(program.c_str(), X_OK) == 0) return true;
    WARN(program << " is not installed: this test cannot run (tools/packages testbed)");
    return false;
}

Level ipmi_level(const Lab& lab, const std::string& port) {
    lab.write("password", "secret\n");
    Level level = Lab::level("fence_ipmilan");
    level.parameters["ip"] = {"127.0.0.1", {}};
    level.parameters["ipport"] = {port, {}};
    level.parameters["username"] = {"admin", {}};
    level.parameters["lanplus"] = {"1", {}};
    level.parameters["cipher"] = {"3", {}};
    level.secrets["password"] = {lab.path("password"), {}, {}, lab.path("password"), "secret"};
    return level;
}

/// A BMC of OpenIPMI's simulator on the loopback interface, whose power is in the lab's file `power` as 0 or 1.
class Bmc {
public:
    explicit Bmc(Lab& lab) : lab_(lab), port_(std::to_string(20000 + ::getpid() % 20000)) {
        lab.write("power", "1\n");
        lab.write("chassis.sh",
                  "#!/bin/sh\np=" + lab.path("power") +
                      "\nshift; op=$1; shift\ncase $op in\nget) for n; do case $n in power) echo power:$(cat $p) ;; "
                      "boot) echo boot:default ;; *) exit 1 ;; esac; done ;;\nset) while [ $# -gt 0 ]; do case $1 in "
                      "power) echo $2 >$p ;; shutdown) echo 0 >$p ;; esac; shift 2; done ;;\nesac\n",
                  0700);
        lab.write("lan.conf", "name \"bmc\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 " + port_ +
                                  "\n    priv_limit admin\n    allowed_auths_admin none md2 md5 straight\n    guid "
                                  "a123456789abcdefa123456789abcdef\n  endlan\n  chassis_control \"" +
                                  lab.path("chassis.sh") +
                                  " 0x20\"\n  user 2 true \"admin\" \"secret\" admin 10 none md2 md5 straight\n");
        lab.write("bmc.emu",
                  "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\n"
                  "sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n");
        start();
    }
    ~Bmc() { stop(); }
    Bmc(const Bmc&) = delete;
    Bmc& operator=(const Bmc&) = delete;

    const std::string& port() const { return port_; }
    std::string power() const { return lab_.text("power"); }
    void stop() {
        if (process_ > 0) ::kill(process_, SIGKILL);
        if (process_ > 0) ::waitpid(process_, nullptr, 0);
        process_ = -1;
    }

private:
    void start() {
        std::filesystem::create_directories(lab_.path("state"));
        process_ = ::fork();
        if (process_ == 0) {
            for (int descriptor : {0, 1, 2}) ::dup2(::open("/dev/null", O_RDWR), descriptor);
            ::execl("/usr/bin/ipmi_sim", "ipmi_sim", "-c", lab_.path("lan.conf").c_str(), "-f",
                    lab_.path("bmc.emu").c_str(), "-s", lab_.path("state").c_str(), "-n", nullptr);
            ::_exit(127);
        }
    }

    Lab& lab_;
    std::string port_;
    pid_t process_ = -1;
};

/// Until the BMC answers: it takes a moment to open its port.
bool answers(Lab& lab, Broker& broker) {
    for (int attempt = 0; attempt < 10; ++attempt)
        if (lab.run(broker.status(host1))) return true;
    return false;
}

}  // namespace

TEST_CASE("a real BMC is switched, soft and hard, by the real agent") {
    for (const char* program : {"/usr/bin/ipmi_sim", "/usr/sbin/fence_ipmilan", "/usr/bin/ipmitool"})
        if (!is_installed(program)) return;
    Lab lab;
    Bmc bmc(lab);
    lab.tools.agents = "/usr/sbin";
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({ipmi_level(lab, bmc.port())}));
    REQUIRE(answers(lab, broker));
    CHECK(*lab.run(broker.status(host1)) == Power::on);
    CHECK(lab.run(broker.switch_off(host1)));
    CHECK(bmc.power() == "0\n");
    CHECK(lab.run(broker.switch_off(host1)));
    CHECK(*lab.run(broker.status(host1)) == Power::off);
    CHECK(lab.run(broker.switch_on(host1)));
    CHECK(bmc.power() == "1\n");
    CHECK(lab.run(broker.shut_down_softly(host1)));
    CHECK(bmc.power() == "0\n");
    lab.write("password", "wrong\n");
    CHECK_FALSE(lab.run(broker.status(host1)));
    CHECK_FALSE(lab.run(broker.switch_off(host1)));
    CHECK_FALSE(lab.run(broker.shut_down_softly(host1)));
}

TEST_CASE("a BMC that is dead is not off") {
    for (const char* program : {"/usr/sbin/fence_ipmilan", "/usr/bin/ipmitool"})
        if (!is_installed(program)) return;
    Lab lab;
    lab.tools.agents = "/usr/sbin";
    Level level = ipmi_level(lab, "1");
    level.timeout = seconds{3};
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({level}));
    CHECK_FALSE(lab.run(broker.status(host1)));
    CHECK_FALSE(lab.run(broker.switch_off(host1)));
}

TEST_CASE("the password of IPMI is in no argument and no environment, only in its file") {
    if (!is_installed("/usr/sbin/fence_ipmilan")) return;
    Lab lab;
    lab.write(
        "ipmitool",
        "#!/bin/sh\nlab=" + lab.folder() +
            "\n{ tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$$/environ; tr '\\0' ' ' </proc/$PPID/cmdline; "
            "tr '\\0' ' ' </proc/$PPID/environ; echo; } >>$lab/seen\n"
            "echo \"$@\" >>$lab/arguments\nfor last; do :; done\ncat \"$last\" >>$lab/passwords\n"
            "echo 'Chassis Power is off'\n",
        0700);
    lab.tools.agents = "/usr/sbin";
    lab.tools.ipmitool = lab.path("ipmitool");
    Broker broker(lab.clock, lab.children, lab.tools, Lab::file_of({ipmi_level(lab, "623")}));
    CHECK(*lab.run(broker.status(host1)) == Power::off);
    CHECK(lab.text("passwords") == "secret\n");
    CHECK_THAT(lab.text("arguments"), Catch::Contains("-U admin") && Catch::Contains("-C 3") &&
                                          Catch::EndsWith("chassis power status -f " + lab.path("password") + "\n"));
    CHECK_THAT(lab.text("seen"), Catch::Contains("fence_ipmilan") && !Catch::Contains("secret"));
    CHECK(agent_input(ipmi_level(lab, "623"), Action::off)->find("secret") == std::string::npos);
}

TEST_CASE("ipmitool is called as the agent would call it, with the password's file") {
    Level level = Lab::level("fence_ilo4");
    level.parameters["ipaddr"] = {"192.0.2.1", {}};
    level.parameters["login"] = {"admin", {}};
    level.parameters["privlvl"] = {"operator", {}};
    level.secrets["passwd"].path = "/run/secret";
    using Words = std::vector<std::string>;
    CHECK(ipmitool(level, {}, {"chassis", "power", "soft"}).arguments ==
          Words{"-I", "lanplus", "-H", "192.0.2.1", "-U", "admin", "-L", "operator", "-f", "/run/secret", "chassis",
                "power", "soft"});
    level.agent = "fence_ipmilan";
    level.secrets.clear();
    CHECK(ipmitool(level, {}, {}).arguments ==
          Words{"-I", "lan", "-H", "192.0.2.1", "-U", "admin", "-L", "operator", "-P", ""});
}

TEST_CASE("watts are read from DCMI's answer and from sensors") {
    CHECK(dcmi_watts("\n    Instantaneous power reading:                   119 Watts\n"
                     "    Minimum during sampling period:                 98 Watts\n") == 119);
    CHECK_FALSE(dcmi_watts("    DCMI request failed because: Invalid command (c1)\n"));
    CHECK_FALSE(dcmi_watts("Instantaneous power reading: 119\n"));
    CHECK_FALSE(dcmi_watts("Instantaneous power reading: nan Watts\n"));
    CHECK_FALSE(dcmi_watts(""));
    const auto sensors =
        sensor_watts("Inlet Temp,21,degrees C,ok\nPwr Consumption,168,Watts,ok\nPS2 Input,na,Watts,ns\n,,\nx\n");
    CHECK(sensors == std::map<std::string, double>{{"Pwr Consumption", 168}});
}

TEST_CASE("watts come from DCMI, else from the sensor that is named or the only one") {
    Lab lab;
    lab.write("password", "secret\n");
    const auto answer = [&](const std::string& dcmi, const std::string& sensors) {
        lab.write("ipmitool",
                  "#!/bin/sh\ncase \"$*\" in *'dcmi power reading') " + dcmi + " ;; *'-c sdr list full') printf '" +
                      sensors + "' ;; esac\n",
                  0700);
    };
    lab.tools.ipmitool = lab.path("ipmitool");
    PowerFile file = Lab::file_of({ipmi_level(lab, "623")});
    file.hosts[0].reading = "ipmi";
    Broker any(lab.clock, lab.children, lab.tools, file);
    file.hosts[0].sensor = "PS2";
    Broker named(lab.clock, lab.children, lab.tools, file);
    answer("echo 'Instantaneous power reading: 200 Watts'", "PS1,90,Watts,ok\\nPS2,91,Watts,ok\\n");
    CHECK(*lab.run(any.watts(host1)) == 200);
    CHECK(*lab.run(named.watts(host1)) == 91);
    answer("exit 1", "PS1,90,Watts,ok\\nFan,9,RPM,ok\\n");
    CHECK(*lab.run(any.watts(host1)) == 90);
    CHECK_THAT(lab.run(named.watts(host1)).error().message, Catch::Contains("PS1"));
    answer("exit 1", "PS1,90,Watts,ok\\nPS2,91,Watts,ok\\n");
    CHECK_THAT(lab.run(any.watts(host1)).error().message, Catch::Contains("PS1, PS2"));
    answer("exit 1", "");
    CHECK_FALSE(*lab.run(any.watts(host1)));
    answer("exit 1", "x'; exit 1; : '");
    CHECK(lab.run(any.watts(host1)).error().code == ErrorCode::unavailable);
}

TEST_CASE("an agent's own list of parameters finds what is misspelt") {
    Lab lab;
    lab.write("fence_fake", "#!/bin/sh\necho '<parameter name=\"ip\" unique=\"0\"><parameter name=\"password\">'\n",
              0700);
    lab.write("fence_mute", "#!/bin/sh\nexit 1\n", 0700);
    Level level = Lab::level("fence_fake");
    level.parameters["ip"] = {"192.0.2.1", {"f", 3, 20}};
    CHECK(lab.run(unknown_parameters(lab.children, lab.tools, Lab::file_of({level}))).empty());
    level.secrets["pasword"].place = {"f", 4, 5};
    Level mute = Lab::level("fence_mute");
    mute.place = {"f", 9, 9};
    const auto problems = lab.run(unknown_parameters(lab.children, lab.tools, Lab::file_of({level, mute})));
    REQUIRE(problems.size() == 2);
    CHECK(to_string(problems[0]) == "f:4:5: fence_fake has no parameter `pasword`; did you mean `password`?");
    CHECK_THAT(to_string(problems[1]), Catch::StartsWith("f:9:9: fence_mute does not say what parameters it has"));
}
