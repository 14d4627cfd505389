#include "cli/doctor.h"

#include <unistd.h>
#include <zlib.h>

#include "cli/bundle.h"
#include "cli/redact.h"
#include "cli/tar_gz.h"
#include "cli/whole_file.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;
namespace fs = std::filesystem;

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string unzipped(const std::string& bytes) {
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    std::string out(std::size_t{64} << 20, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

std::string status_of(const std::vector<Check>& checks, const std::string& name) {
    for (const Check& check : checks)
        if (check.name == name) return check.status;
    return "";
}

// Never anywhere else, so that finding one means that it leaked.
const std::string planted = "Zq7Planted";
std::string secret(int number) {
    return planted + std::to_string(number) + "x9Kq";
}

const std::string private_key =
    "-----BEGIN PRIVATE KEY-----\n" + secret(90) + "\n" + secret(91) + "\n-----END PRIVATE KEY-----\n";
}  // namespace

TEST_CASE("Secrets are taken out of text in every form in which they are written down") {
    const std::vector<std::string> forms = {
        "password: " + secret(1),
        "password: \"" + secret(1) + "\"",
        "password: '" + secret(1) + " and more " + secret(2) + "'",
        "{\"password\": \"" + secret(1) + "\", \"host\": \"host1\"}",
        "{\"password\":\"a\\\"" + secret(1) + "\"}",
        "{\"text\": \"{\\\"token\\\": \\\"" + secret(1) + "\\\"}\"}",
        "snmp_community: " + secret(1),
        "  vnc_password=" + secret(1),
        "Authorization: Bearer " + secret(1),
        "Authorization: Basic " + secret(1) + "==",
        "X-Auth-Token: " + secret(1),
        "api-key=" + secret(1) + "&host=a",
        "GET /redfish?token=" + secret(1) + "&x=1 HTTP/1.1",
        "qemu+ssh://root:" + secret(1) + "@host1/system",
        "https://" + secret(1) + "@host1/",
        "etcd at https://user:p@ss" + secret(1) + "@etcd1:2379 does not answer",
        "fence_ipmilan --password " + secret(1) + " --ip 192.0.2.1",
        "command: [/usr/bin/check, --password, \"" + secret(1) + "\"]",
        "command: [/usr/bin/check, '--api-key=" + secret(1) + "']",
        "secrets: {password: {value: " + secret(1) + "}}",
        "passwords: [" + secret(1) + ", " + secret(2) + "]",
        "<graphics type='vnc' port='-1' passwd='" + secret(1) + "'/>",
        "<secret><password>" + secret(1) + "</password></secret>",
        "alice:$6$saltsalt$" + secret(1) + "abcdefgh",
        "alice:$y$j9T$" + secret(1) + "$abcdefgh",
        "bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIi" + secret(1) + ".abcdefgh",
        "cookie: session=" + secret(1),
        private_key,
        "key: |\n  " + private_key,
        "{\"pem\": \"-----BEGIN RSA PRIVATE KEY-----\\n" + secret(1) + "\\n-----END RSA PRIVATE KEY-----\\n\"}",
        "log: -----BEGIN OPENSSH PRIVATE KEY-----\n" + secret(1) + "\n-----END OPENSSH PRIVATE KEY-----\nafter",
        "password: |\n  " + secret(1) + "\n  " + secret(2) + "\nmode: observe",
        "password: >-\n\n    " + secret(1) + "\nmode: observe",
        "  - password:\n      " + secret(1) + "\n  - other: 1",
        "command:\n  - check\n  - --password\n  - " + secret(1) + "\n  - more",
        "[\n  \"--token\",\n  \"" + secret(1) + "\"\n]",
        "PASSWORD=" + secret(1),
        "IPMI_PASSWORD='" + secret(1) + "'",
        "the new password is " + secret(1),
    };
    for (const std::string& text : forms) {
        const std::string out = without_secrets(text);
        INFO(text << "\n-> " << out);
        CHECK_FALSE(has(out, planted));
        CHECK(has(out, "[removed]"));
    }
    // In JSON of one line, as long as it gets.
    std::string line = "{";
    for (int i = 0; i < 2000; ++i)
        line += "\"name" + std::to_string(i) + "\": \"value\", \"password\": \"" + secret(i) + "\", ";
    CHECK_FALSE(has(without_secrets(line + "\"end\": 1}"), planted));
    CHECK_FALSE(has(without_secrets("token=" + std::string(5000, 'a') + secret(1)), planted));
    for (std::size_t filled = 400; filled < 600; filled += 7)
        CHECK_FALSE(
            has(without_secrets(std::string(filled, 'x') + " --password " + secret(1) + " " + std::string(600, 'y')),
                planted));
}

TEST_CASE("What is no secret stays as it is") {
    for (const std::string text :
         {"store: {kind: etcd, endpoints: [\"https://etcd1.example.org:2379\"], password_file: "
          "/etc/ballast/etcd.password}",
          "page: {cert_file: /etc/ballast/page.pem, key_file: /etc/ballast/page.key}",
          "host1: cannot connect to qemu+tls://host1/system", "web1 passes through PCI device 0000:3b:00.0",
          "\"key\": \"/ballast/ops/op-1\"", "2026-11-22T09:15:00Z host1 took 4.2 s", "tokens: 5",
          "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", ""}) {
        CHECK(without_secrets(text) == text);
    }
    const std::string several = "a: 1\npassword: " + secret(1) + "\nb: 2\n";
    CHECK(without_secrets(several) == "a: 1\npassword: [removed]\nb: 2\n");
}

TEST_CASE("Secrets that files tell are taken out wherever else they stand") {
    const std::string file =
        "hosts:\n  - secrets: {password: " + secret(1) + "}\ntoken = \"" + secret(2) + "\"\nport: 8\npassword: abc\n";
    const auto known = secrets_in(file);
    CHECK(known.contains(secret(1)));
    CHECK(known.contains(secret(2)));
    CHECK_FALSE(known.contains("8"));
    CHECK_FALSE(has(without_secrets("it said " + secret(1) + " and (" + secret(2) + ")", known), planted));
}

TEST_CASE("A bundle's archive is one that tar reads: names, sizes, sums and blocks") {
    const auto packed =
        to_tar_gz({{"a/one.txt", "one\n"}, {"a/empty", ""}, {"a/large", std::string(1500, 'x')}}, 1'700'000'000);
    REQUIRE(packed.has_value());
    const std::string tar = unzipped(*packed);
    CHECK(tar.size() == 512 * (2 + 1 + 4 + 2));
    CHECK(tar.substr(0, 10) == std::string("a/one.txt\0", 10));
    CHECK(tar.substr(124, 12) == std::string("00000000004\0", 12));
    CHECK(tar.substr(257, 8) == std::string("ustar\000", 6) + "00");
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(tar[i]);
    CHECK(std::stoul(tar.substr(148, 6), nullptr, 8) == sum);
    CHECK(tar.substr(512, 4) == "one\n");
    CHECK_FALSE(to_tar_gz({{std::string(101, 'n'), ""}}, 0).has_value());
}

TEST_CASE(
    "A bundle has the configuration, the daemon's answers and what is missing, and none of the secrets planted in all "
    "of them") {
    const fs::path folder = fs::temp_directory_path() / ("ballast-doctor-" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder / "policy.d");
    std::ofstream(folder / "etcd.password") << secret(10) << "\n";
    std::ofstream(folder / "page.users") << "alice:$6$salt$" << secret(11) << "\n";
    std::ofstream(folder / "ballast.yaml")
        << "# once: password: " << secret(12) << "\nhosts:\n  - {name: host1, uri: \"qemu+ssh://" << secret(13)
        << ":x@host1/system\"}\n# " << secret(14) << "@nothing\ntoken: |\n  " << secret(15) << "\n"
        << private_key;
    std::ofstream(folder / "policy.d" / "10-policy.yaml") << "mode: observe # api_key=" << secret(16) << "\n";

    FakeApi api;
    value status = sample("status");
    status.as_object()["problems"] = array{"etcd refuses password=" + secret(17), "the store said " + secret(10),
                                           "hash $6$salt$" + secret(11) + " is wrong"};
    api.answers["GET /v1/status"] = {{200, status}};
    api.answers["GET /v1/policy"] = {
        {200, object{{"yaml", "secret: " + secret(18) + "\n" + private_key}, {"mode", "observe"}}}};
    api.answers["GET /v1/hosts"] = {{200, object{{"hosts", array{object{{"id", "https://u:" + secret(19) + "@h/"}}}}}}};
    std::ostringstream out, err;
    Terminal terminal{out, err, {}, {}, false, [](int) {}};
    Session session(api, terminal, Format::table);
    ballast::config::DaemonOptions options;
    options.policy_dir = folder / "policy.d";
    options.store.password_file = folder / "etcd.password";
    options.page.users_file = folder / "page.users";
    options.metrics_listen.clear();
    const auto bundle =
        collect(session, {folder / "ballast.yaml", ""}, options, object{{"checks", array{"token=" + secret(20)}}});
    REQUIRE(bundle.has_value());
    const std::string tar = unzipped(bundle->bytes);
    for (const char* name : {"about.txt", "doctor.json", "config/ballast.yaml", "config/policy.d/10-policy.yaml",
                             "api/status.json", "api/policy.json", "missing.txt", "journal.txt"})
        CHECK(has(tar, std::string("ballast-bundle/") + name));
    CHECK(has(tar, "name: host1"));
    CHECK(has(tar, "mode: observe"));
    CHECK(has(tar, "metrics.listen is switched off"));
    for (int i = 0; i < 100; ++i)
        if (i != 14) {  // a comment that nothing marks as a secret: the test can see one that stays
            INFO(secret(i));
            CHECK_FALSE(has(tar, secret(i)));
        }
    CHECK(has(tar, secret(14)));
    fs::remove_all(folder);
}

TEST_CASE("doctor says of a dead daemon what it can, ends with 3, and still collects") {
    const fs::path folder = fs::temp_directory_path() / ("ballast-doctor-dead-" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(folder / "ballast.yaml") << "state_dir: " << folder.string() << "\npolicy_dir: " << folder.string()
                                           << "\nhosts: [{name: host1, uri: \"qemu+tcp://127.0.0.1:1/system\"}]\n";
    Run dead, json, wrong;
    for (Run* run : {&dead, &json})
        run->api.failure = ballast::Error{ballast::ErrorCode::unavailable, "/run/b.sock", "Connection refused"};
    const std::string bundle = folder / "b.tar.gz";
    CHECK(dead({"doctor", "--config", folder / "ballast.yaml", "--bundle", bundle}) == 3);
    CHECK(has(dead.out.str(), "Connection refused"));
    CHECK(has(dead.out.str(), "journalctl -u ballastd"));
    CHECK(fs::exists(bundle));
    CHECK((fs::status(bundle).permissions() & fs::perms::mask) == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(json({"doctor", "--config", folder / "ballast.yaml", "-o", "json"}) == 3);
    CHECK(at(boost::json::parse(json.out.str()), "status") == "problem");
    CHECK(dead({"doctor", "--config", folder / "ballast.yaml", "--bundle", bundle}) == 2);  // it is there already
    CHECK(wrong({"doctor", "--bundle", "x.zip"}) == 2);
    CHECK(has(wrong.err.str(), ".tar.gz"));
    CHECK(wrong.requests().empty());
    fs::remove_all(folder);
}

TEST_CASE("Every check of doctor can be fine and can find something, and then says what to do") {
    const auto is = [](const Check& check, const std::string& status) {
        INFO(check.name << ": " << check.finding);
        CHECK(check.status == status);
        CHECK(check.advice.empty() == (status == "ok"));
    };
    is(judge_version(object{{"version", BALLAST_VERSION}}), "ok");
    is(judge_version(object{{"version", "0.0.1"}}), "warning");
    const auto host = [](const char* connection, const char* power, array health = {}) {
        return object{
            {"hosts",
             array{object{
                 {"id", "host1"}, {"connection", connection}, {"power", power}, {"problem", ""}, {"health", health}}}}};
    };
    is(judge_hosts(host("up", "on")), "ok");
    is(judge_hosts(host("down", "off")), "ok");  // as it is meant to be
    is(judge_hosts(host("down", "on")), "problem");
    const array clock{object{{"source", "clock"}, {"text", "its clock is 14 s behind"}}};
    is(judge_clocks(host("up", "on"), true), "ok");
    is(judge_clocks(host("up", "on"), false), "warning");
    is(judge_clocks(host("up", "on", clock), true), "problem");
    const auto cluster = [](value leader, bool registered, value same) {
        return object{
            {"leader", leader},
            {"members",
             array{object{{"host", "host1"}, {"registered", registered}, {"configuration_is_leaders", same}}}}};
    };
    is(judge_cluster(cluster("host1", true, true)), "ok");
    is(judge_cluster(cluster("host1", true, nullptr)), "ok");
    is(judge_cluster(cluster(nullptr, true, true)), "problem");
    is(judge_cluster(cluster("host1", false, nullptr)), "problem");
    is(judge_cluster(cluster("host1", true, false)), "warning");
    const auto power = [](const char* problem, bool alarm) {
        return object{{"problem", problem},
                      {"hosts", array{object{{"host", "host1"}, {"alarm", alarm}, {"bmc", true}}}}};
    };
    is(judge_power(power("", false)), "ok");
    is(judge_power(power("the broker does not answer", false)), "warning");
    is(judge_power(power("", true)), "problem");
    const auto preflight = [](int problems, int warnings) {
        return object{{"counts", object{{"problem", problems}, {"warning", warnings}}}};
    };
    is(judge_preflight(preflight(0, 0)), "ok");
    is(judge_preflight(preflight(0, 1)), "warning");
    is(judge_preflight(preflight(1, 0)), "problem");
    is(judge_space("/var/lib/ballast", 0.5, 5e10), "ok");
    is(judge_space("/var/lib/ballast", 0.05, 5e9), "warning");
    is(judge_space("/var/lib/ballast", 0.01, 5e9), "problem");
    is(judge_space("/var/lib/ballast", 0.5, 5e7), "problem");
    CHECK(status_of(judge_alarms(object{}), "alarms") == "ok");
    CHECK(status_of(judge_alarms(object{{"paused", true}, {"paused_by", "uid 0"}}), "pause") == "warning");
    CHECK(status_of(judge_alarms(object{{"rolling", object{{"state", "stopped"}}}}), "rolling-reboot") == "warning");
    CHECK(
        status_of(judge_alarms(object{{"problems", array{"op-1 (web1): look"}}, {"operations", object{{"alarms", 1}}}}),
                  "alarms") == "problem");
    CHECK(status_of(judge_alarms(object{{"problems", array{"host3: down"}}, {"operations", object{{"alarms", 0}}}}),
                    "alarms") == "warning");
}
