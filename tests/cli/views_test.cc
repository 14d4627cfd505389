#include "cli/views/views.h"

#include <cstdlib>
#include <ctime>

#include "cli/views/parts.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;

namespace {
std::string shown(const std::function<void(const value&, Page&)>& view, const std::string& name, int width = 300) {
    setenv("TZ", "UTC", 1);
    tzset();
    Page page(style_of_width(width));
    view(sample(name), page);
    return page.text();
}

void with_history(const value& status, Page& page) {
    show_status(status, list(sample("history"), "active"), page);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("Status tells what is wrong first, then the mode, and at last what to do") {
    const std::string text = shown(with_history, "status");
    CHECK(text.starts_with(" ! host3: cannot connect"));
    CHECK(has(text, "Mode:        confirm (set by hand; the policy says observe)"));
    CHECK(has(text, "Hosts:       4: 3 up, 1 not connected, 1 overloaded"));
    CHECK(has(text, "running   ███░░░░░░░ 12 s of about 42 s"));
    CHECK(text.find("! host3") < text.find("Mode:"));
    CHECK(text.find("Next") > text.find("Found"));
    CHECK(has(text, "ballastctl approve op-000000000044"));
}

TEST_CASE("Status before the first cycle says that the hosts are being measured") {
    value status = sample("status");
    status.as_object()["last_cycle"] = nullptr;
    Page page(style_of_width(80));
    show_status(status, {}, page);
    CHECK(has(page.text(), "none yet: the hosts are being measured"));
}

TEST_CASE("A paused daemon says by whom and how to go on") {
    value status = sample("status");
    status.as_object()["paused"] = true;
    status.as_object()["paused_by"] = "uid 0 (root)";
    Page page(style_of_width(100));
    show_status(status, {}, page);
    CHECK(has(page.text(), "PAUSED by uid 0 (root)"));
    CHECK(has(page.text(), "ballastctl resume"));
}

TEST_CASE("Hosts show load as bars, what is unknown as a dash and problems in words") {
    const std::string text = shown(show_hosts, "hosts");
    CHECK(has(text, "█████████▌  93 %"));
    CHECK(has(text, "14.2 of 16"));
    CHECK(has(text, "connection refused"));
    CHECK_FALSE(has(text, "null"));
}

TEST_CASE("A degraded host shows what is wrong with it beside its state") {
    value hosts = sample("hosts");
    value& host = hosts.at("hosts").at(1);
    host.as_object()["state"] = "degraded";
    host.as_object()["health"] = array{
        object{{"source", "disk"}, {"subject", "sda"}, {"text", "disk sda says that it fails"}, {"action", "evacuate"}},
        object{{"source", "units"}, {"subject", ""}, {"text", "failed units: a.service"}, {"action", "nothing"}}};
    Page page(style_of_width(300));
    show_hosts(hosts, page);
    CHECK(has(page.text(), "degraded"));
    CHECK(has(page.text(), "disk sda says that it fails; failed units: a.service"));
}

TEST_CASE("A plan shows findings, then what cannot be moved, then moves by wave, then rejections") {
    const std::string text = shown(show_dry_run, "plan");
    const auto found = text.find("Found"), immovable = text.find("cannot be moved"), first = text.find("Wave 1"),
               second = text.find("Wave 2"), rejected = text.find("Considered and rejected");
    CHECK(found < immovable);
    CHECK(immovable < first);
    CHECK(first < second);
    CHECK(second < rejected);
    CHECK(rejected != std::string::npos);
    CHECK(has(text, "host1 → host2"));
    CHECK(has(text, "93 → 83 %, 41 → 51 %"));
    CHECK(has(text, "42 s     120 ms   4.3 GiB"));
    CHECK(has(text, "Not host3: the host's libvirt does not answer (cannot connect)"));
    CHECK(has(text, "faster than the link carries it"));
    CHECK(has(text, "app2   host2, host3   it was moved too recently"));
}

TEST_CASE("A plan after a loss shows restarts by wave, what starts nowhere, and hosts to be switched") {
    const std::string text = shown(show_dry_run, "plan_lost");
    CHECK(has(text, "- host2 is lost: 3 VMs ran on it, 2 can be started elsewhere, 1 nowhere\n"));
    CHECK(has(text, "Can be started nowhere"));
    CHECK(text.find("Wave 2, once those before run") < text.find("host2 → host3"));
    CHECK(has(text, "- Switch on host4: 1 VM that has to leave"));
    CHECK(has(text, "- Switch off host5, once its VMs have left: host5 can be empty"));
    CHECK(has(text, "brought 40 % of what they promised"));
    CHECK_FALSE(has(text, "resolve"));
    CHECK_FALSE(has(text, "No move"));
    CHECK_FALSE(has(text, "cannot be moved"));
}

TEST_CASE("A VM of a lost host is explained by where it can be started") {
    value explained = sample("explain_vm");
    explained.as_object()["host_lost"] = true;
    explained.as_object()["restart"] = list(at(sample("plan_lost"), "plan"), "restarts")[0];
    Page page(style_of_width(300));
    show_explained_vm(explained, page);
    const std::string text = page.text();
    CHECK(has(text, ") was running on host1 when the host was lost."));
    CHECK(has(text, "host2 → host1"));
    CHECK(has(text, "not enough memory would be left there (needs 8 GiB, 4 GiB left above the reserve)"));
    CHECK_FALSE(has(text, "It stays where it is"));
    CHECK_FALSE(has(text, "Where it could go"));
}

TEST_CASE("A plan without moves says so in words") {
    CHECK(has(shown(show_dry_run, "plan_empty"), "No moves are wanted: every host is within its limits."));
}

TEST_CASE("Hosts that do not report are never counted as fine or idle") {
    value plan = sample("plan_empty");
    plan.as_object()["plan"].as_object()["hosts"] =
        object{{"h1", object{{"state", "ok"}}}, {"h2", object{{"state", "down"}}}};
    value hosts = sample("hosts");
    value& silent = hosts.as_object()["hosts"].as_array()[2];
    silent.as_object()["cpu"].as_object()["demand_ratio"] = 0.0;
    Page page(style_of_width(300));
    show_dry_run(plan, page);
    show_hosts(hosts, page);
    CHECK(has(page.text(), "No moves are wanted. Not judged, because they do not report: h2."));
    CHECK_FALSE(has(page.text(), "every host is within its limits"));
    CHECK_FALSE(has(page.text(), "  0 %"));
}

TEST_CASE("History has predictions beside measurements, alarms in words, and names the way to more") {
    const std::string text = shown(show_history, "history");
    CHECK(has(text, "44.1 s        42 s     310 ms      120 ms"));
    CHECK(has(text, "ALARM: neither host3 nor host1 answers"));
    CHECK(has(text, "rolled back"));
    CHECK(has(text, "The last 3 of 120"));
    CHECK(has(text, "2026-11-22 09:01"));
}

TEST_CASE("An explained VM says why it stays and why each host can or cannot take it") {
    const std::string text = shown(show_explained_vm, "explain_vm");
    CHECK(has(text, "db1 (6f0c2f0e-1111-4222-8333-000000000002) is running on host1, there for 2 h 4 min."));
    CHECK(has(text, "- a device of the host is passed through to it (PCI device 0000:3b:00.0)"));
    CHECK(has(text, "a VM it must be kept apart from runs there (db2, group db)"));
    CHECK(has(text, "20 → 50 %"));
}

TEST_CASE("What cycle after cycle found alike is told once") {
    value explained = sample("explain_vm");
    const auto cycle = [](int id, const std::string& said) {
        return object{{"id", "cycle-" + std::to_string(id)},
                      {"at", "2026-11-22T08:0" + std::to_string(id) + ":00Z"},
                      {"kind", "immovable"},
                      {"text", said}};
    };
    explained.as_object()["cycles"] = {cycle(5, "full"), cycle(4, "full"), cycle(3, "off"), cycle(2, "full"),
                                       cycle(1, "full")};
    Page page(style_of_width(300));
    show_explained_vm(explained, page);
    const std::string text = page.text();
    CHECK(has(text, "full (the same 2 times since 2026-11-22"));
    CHECK(has(text, "cycle-5"));
    CHECK(has(text, "cycle-3"));
    CHECK(has(text, "cycle-2"));
    CHECK_FALSE(has(text, "cycle-4"));
    CHECK_FALSE(has(text, "off (the same"));
}

TEST_CASE("What the owner of an explained VM wants is told") {
    CHECK(has(shown(show_explained_vm, "explain_vm"), "Its owner wants: apart from others of db."));
    value explained = sample("explain_vm");
    const auto said = [&](object wishes) {
        explained.as_object()["vm"].as_object()["wishes"] = std::move(wishes);
        Page page(style_of_width(300));
        show_explained_vm(explained, page);
        return page.text();
    };
    CHECK(has(said({{"no_post_copy", true}, {"only_on", {"host1", "host2"}}, {"priority", -5}}),
              "Its owner wants: only on host1, host2; no post-copy; priority -5."));
    CHECK(has(said({{"no_migrate", true}, {"post_copy", true}}), "Its owner wants: never moved; post-copy allowed."));
    CHECK_FALSE(has(said({{"priority", 0}}), "owner"));
}

TEST_CASE("An explained host shows its verdict, its detectors and what would leave") {
    const std::string text = shown(show_explained_host, "explain_host");
    CHECK(has(text, "State:       overloaded"));
    CHECK(has(text, "Stays on:    because no window of consolidation is open until Mon 20:00 (Europe/Berlin)"));
    CHECK(has(text, "memory pressure"));
    CHECK(has(text, "swap              0.3 MiB/s   1 MiB/s   5 min           -   0.1 MiB/s   ok"));
    CHECK(has(text, "Would leave"));
    CHECK(has(text, "host4 → host1"));
}

TEST_CASE("A cycle shows its notes and its plan") {
    const std::string text = shown(show_cycle, "cycle");
    CHECK(has(text, "- batch-2: not started, its target has no free slot"));
    CHECK(has(text, "Started or proposed: op-000000000042, op-000000000043"));
}

TEST_CASE("Preflight shows what is wrong, worst first, with what to do, and only counts what is fine") {
    const std::string text = shown(show_preflight, "preflight");
    CHECK(text.find("problem   host2") < text.find("warning   host1"));
    CHECK(text.find("warning   host1") < text.find("unknown"));
    CHECK(has(text, "To do: add host1's key to root's known_hosts on host2"));
    CHECK(has(text, "12 checks found nothing wrong"));
    CHECK_FALSE(has(text, "within 1 s"));
}

TEST_CASE("Empty lists are said in words, not shown as empty tables") {
    Page page(style_of_width(80));
    show_history(object{{"active", array{}}, {"ended", array{}}, {"ended_total", 0}}, page);
    show_hosts(object{{"hosts", array{}}}, page);
    show_vms(object{{"vms", array{}}}, page);
    show_maintenance_list(object{{"hosts", array{}}}, page);
    CHECK(page.text() ==
          " Nothing was moved yet.\n No hosts are configured: name them in /etc/ballast/ballast.yaml.\n"
          " No VMs are known here.\n No host is in maintenance.\n");
}

TEST_CASE("A rolling run that stopped says at which host, why, and how to go on") {
    const std::string text = shown(show_rolling, "rolling");
    CHECK(has(text, "rack2-kvm-17 (2 of 3): STOPPED: the command upgrade failed with exit status 3: no space left"));
    CHECK(has(text, "command upgrade, then reboot by BMC"));
    CHECK(has(text, "rack2-kvm-15: this daemon runs on it"));
    CHECK(has(text, "Reading package lists..."));
    CHECK(has(text, "ballastctl rolling-reboot resume"));
    value status = sample("status");
    status.as_object()["rolling"] = sample("rolling").at("rolling");
    Page page(style_of_width(200));
    show_status(status, {}, page);
    CHECK(has(page.text(), "Rolling:     rack2-kvm-17 (2 of 3): STOPPED"));
    CHECK(has(page.text(), "ballastctl rolling-reboot status, then resume"));
}

TEST_CASE("No view is wider than the terminal at 60, 80 or 140 columns") {
    const std::map<std::string, std::function<void(const value&, Page&)>> views = {
        {"status", with_history},
        {"hosts", show_hosts},
        {"vms", show_vms},
        {"plan", show_dry_run},
        {"plan_lost", show_dry_run},
        {"history", show_history},
        {"explain_vm", show_explained_vm},
        {"explain_host", show_explained_host},
        {"cycle", show_cycle},
        {"rolling", show_rolling},
        {"preflight", show_preflight}};
    for (const auto& [name, view] : views)
        for (const int width : {60, 80, 140}) {
            const std::string text = shown(view, name, width);
            INFO(name << " at " << width << "\n" << text);
            CHECK(lines_wider_than(width, text) == 0);
        }
}

TEST_CASE("A hostile VM name reaches the terminal spelled out, in every form of output") {
    const std::string name = "\x1b]0;owned\x07\x1b[2J\u202eevil\n\xc2\x9b";
    for (const char* form : {"table", "json", "yaml"}) {
        Run ballastctl;
        value vms = sample("vms");
        vms.as_object()["vms"].as_array()[0].as_object()["name"] = name;
        ballastctl.api.answers["GET /v1/vms"] = {{200, vms}};
        CHECK(ballastctl({"vms", "-o", form}) == 0);
        const std::string out = ballastctl.out.str();
        CHECK(has(out, "evil"));
        CHECK_FALSE(has(out, "\x1b"));
        CHECK_FALSE(has(out, "\x07"));
        CHECK_FALSE(has(out, "\u202e"));
        CHECK_FALSE(has(out, "\xc2\x9b"));
    }
}

TEST_CASE("An answer of another shape is shown as unknown and never crashes a view") {
    for (const char* text :
         {"null", "[]", "{}", "42", R"({"hosts":7,"vms":[1,null],"plan":{"moves":[{}]},"active":[{}],"ended":[[]]})"}) {
        const value odd = boost::json::parse(text);
        Page page(style_of_width(80));
        show_status(odd, {}, page);
        show_hosts(odd, page);
        show_vms(odd, page);
        show_dry_run(odd, page);
        show_cycle(odd, page);
        show_history(odd, page);
        show_explained_vm(odd, page);
        show_explained_host(odd, page);
        show_preflight(odd, page);
        show_operation(odd, page);
        show_rolling(odd, page);
        CHECK_FALSE(page.text().empty());
    }
}

TEST_CASE("The energy account says whose word the watts are, and that RAPL does not count all") {
    const value account =
        boost::json::parse(R"({"since": "2026-11-22T20:00:00Z", "used_kwh": 4, "saved_kwh": 1, "hosts": [
        {"host": "h1", "since": "2026-11-22T20:00:00Z", "watts": 210.4, "measured": true, "source": "bmc",
         "rest_of_host_watts": 0, "idle_watts": 120, "used_kwh": 1, "saved_kwh": 1},
        {"host": "h2", "since": "2026-11-22T20:00:00Z", "watts": 105, "measured": true, "source": "rapl",
         "rest_of_host_watts": 45, "idle_watts": 80, "used_kwh": 1, "saved_kwh": 0},
        {"host": "h3", "since": "2026-11-22T20:00:00Z", "watts": 60, "measured": true, "source": "rapl",
         "rest_of_host_watts": 0, "idle_watts": 40, "used_kwh": 1, "saved_kwh": 0},
        {"host": "h4", "since": "2026-11-22T20:00:00Z", "watts": 60, "measured": true, "source": "rapl_psys",
         "rest_of_host_watts": 0, "idle_watts": 40, "used_kwh": 1, "saved_kwh": 0},
        {"host": "h5", "since": "2026-11-22T20:00:00Z", "watts": 90, "measured": false, "source": "table",
         "rest_of_host_watts": 0, "idle_watts": 70, "used_kwh": 1, "saved_kwh": 0}]})");
    Page page(style_of_width(300));
    show_energy(account, page);
    const std::string text = page.text();
    for (const char* part : {"210 W   its BMC", "105 W   RAPL, and 45 W for the rest", "RAPL, CPUs and memory only",
                             "RAPL, platform", "90 W   power table"})
        CHECK_THAT(text, Catch::Contains(part));
}

TEST_CASE("What can be done with hosts' power is told, and that the daemon's own host stays on") {
    const value power = boost::json::parse(R"({"hosts": [
        {"host": "h1", "state": "on", "own": true, "bmc": true, "switchable": true, "proven": false},
        {"host": "h2", "state": "on", "own": false, "bmc": true, "switchable": true, "proven": false}]})");
    Page page(style_of_width(200));
    show_power_list(power, page);
    CHECK_THAT(page.text(), Catch::Contains("this daemon runs on it: stays on"));
    CHECK_THAT(page.text(), Catch::Contains("unproven: a drill comes first"));
}

TEST_CASE("The members of a cluster are told with who leads and who is not there") {
    const value cluster = boost::json::parse(R"({"member": "h2", "leader": "h1", "term": 7, "members": [
        {"host": "h1", "registered": true, "incarnation": 3}, {"host": "h2", "registered": true, "incarnation": 4},
        {"host": "h3", "registered": false, "incarnation": null}]})");
    Page page(style_of_width(100));
    show_cluster(cluster, page);
    for (const char* part :
         {"h1     registered       leads", "h2     registered       follows, answers you", "h3     not registered"})
        CHECK_THAT(page.text(), Catch::Contains(part));
    Page nobody(style_of_width(100));
    show_cluster(boost::json::parse(R"({"member": "h2", "leader": null, "members": []})"), nobody);
    CHECK_THAT(nobody.text(), Catch::Contains("Nobody leads just now"));
}
