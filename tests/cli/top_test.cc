#include "cli/console.h"
#include "cli/top_frame.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;

namespace {

// As GET /v1/overview puts the other answers together.
value overview() {
    value plan = at(sample("plan"), "plan");
    object all{{"at", "2026-11-22T09:15:00Z"},
               {"status", sample("status")},
               {"hosts", at(sample("hosts"), "hosts")},
               {"plan", plan},
               {"operations", sample("history")},
               {"power", array()},
               {"energy", nullptr}};
    return all;
}

value calm() {
    value all = overview();
    object& facts = all.as_object();
    facts["status"].as_object()["problems"] = array();
    facts["operations"].as_object()["active"] = array();
    object& plan = facts["plan"].as_object();
    for (const char* steps : {"moves", "restarts", "power", "findings", "immovable"}) plan[steps] = array();
    return all;
}

value many_hosts(int count) {
    value all = calm();
    const value model = at(all, "hosts").as_array().at(1);
    array hosts;
    for (int i = 1; i <= count; ++i) {
        value host = model;
        host.as_object()["id"] = "host" + std::to_string(i);
        host.as_object()["state"] = i == 17 ? "overloaded" : "ok";
        host.as_object()["cpu"].as_object()["demand_ratio"] = i / 1000.0;
        hosts.push_back(std::move(host));
    }
    all.as_object()["hosts"] = std::move(hosts);
    return all;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

std::string frame(const TopFacts& facts, int width = 80, int rows = 24, const TopView& view = {}) {
    return joined(top_frame(facts, view, style_of_width(width), rows));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A frame of top fits the terminal, and shows what is wrong before what moves and what is planned") {
    for (const auto& [width, rows] : {std::pair(80, 24), std::pair(40, 10), std::pair(200, 60)}) {
        const auto lines = top_frame({overview()}, {}, style_of_width(width), rows);
        CHECK(lines.size() == static_cast<std::size_t>(rows));
        CHECK(lines_wider_than(width, joined(lines)) == 0);
    }
    const std::string text = frame({overview()}, 120);
    CHECK(text.starts_with(" Ballast  confirm  3 of 4 hosts  40 VMs  imbalance 21 %"));
    CHECK(has(text, " 2 things need you\n ! host3: cannot connect"));
    CHECK(has(text, "of about 42 s"));
    CHECK(has(text, "waits: ballastctl approve op-000000000044"));
    CHECK(text.find("! host3") < text.find("of about"));
    CHECK(text.find("of about") < text.find(" planned "));
    CHECK(text.find(" planned ") < text.find(" Host "));
    CHECK(has(text, " 4 hosts by attention  q quit"));
}

TEST_CASE("Without anything to tell top says that all is well") {
    const std::string text = frame({calm()});
    CHECK(has(text, "\n All is well\n"));
    CHECK_FALSE(has(text, " ! "));
    value paused = calm();
    paused.as_object()["status"].as_object()["paused"] = true;
    paused.as_object()["status"].as_object()["paused_by"] = "uid 0 (root)";
    CHECK(has(frame({paused}), " Paused by uid 0 (root): ballastctl resume"));
    value early = calm();
    early.as_object()["plan"] = nullptr;
    CHECK(has(frame({early}), "The hosts are being measured"));
}

TEST_CASE("Of many hosts top shows those first that matter, and the rest by scrolling") {
    const TopFacts facts{many_hosts(100)};
    const auto shows = [&](const TopView& view, const std::string& host) {
        return has(frame(facts, 80, 24, view), "\n " + host + " ");
    };
    CHECK(shows({}, "host17"));
    CHECK(shows({}, "host100"));
    CHECK_FALSE(shows({}, "host1"));
    CHECK(shows({TopTable::hosts, TopSort::name, 0}, "host1"));
    CHECK_FALSE(shows({TopTable::hosts, TopSort::name, 1}, "host1"));
    CHECK(shows({TopTable::hosts, TopSort::cpu, 0}, "host99"));
    CHECK_FALSE(shows({TopTable::hosts, TopSort::cpu, 0}, "host17"));
    CHECK(shows({TopTable::hosts, TopSort::cpu, 99999}, "host1"));  // beyond the end: the last ones
    CHECK(top_frame(facts, {}, style_of_width(80), 0).size() > 100);
    CHECK_FALSE(has(joined(top_frame(facts, {}, style_of_width(80), 0)), "q quit"));
}

TEST_CASE("Top shows VMs with their hosts, the busiest first") {
    TopFacts facts{calm()};
    facts.vms = at(sample("vms"), "vms").as_array();
    const std::string text = frame(facts, 100, 24, {TopTable::vms, TopSort::attention, 0});
    CHECK(has(text, " VM "));
    CHECK(has(text, std::to_string(facts.vms.size()) + " VMs by CPU"));
    for (const value& vm : facts.vms) CHECK(has(text, ballast::cli::text(vm, "host")));
}

TEST_CASE("Top shows what was done, how that ended and why, the last first, and what switching hosts off has saved") {
    value all = calm();
    all.as_object()["energy"] = object{{"used_kwh", 41.2}, {"saved_kwh", 12.53}, {"hosts", array()}};
    const TopView history{TopTable::history, TopSort::attention, 0};
    const std::string text = frame({all}, 120, 24, history);
    CHECK(has(text, "saved 12.5 kWh"));
    CHECK(has(text, " The last 3 of the history  q quit  Tab hosts"));
    CHECK(text.find(" batch-1 ") < text.find(" mail "));
    CHECK(text.find(" mail ") < text.find(" shop "));
    CHECK(has(text, "44.1 s"));
    for (int width : {40, 80, 120}) {
        const auto lines = top_frame({all}, history, style_of_width(width), 24);
        CHECK(lines.size() == 24);
        CHECK(lines_wider_than(width, joined(lines)) == 0);
        CHECK(std::count_if(lines.begin(), lines.end(), [](const auto& line) { return has(line, "bat"); }) == 1);
    }
}

TEST_CASE("A daemon that is gone is told of, with what was seen last and how old that is") {
    CHECK(frame({nullptr, {}, "nobody listens", 0}) == " ! nobody listens\n");
    const std::string text = frame({calm(), {}, "nobody listens", 12});
    CHECK(has(text, " ! nobody listens; what follows is 12 s old\n"));
    CHECK_FALSE(has(text, "All is well"));
    CHECK(has(text, "host1"));
}

TEST_CASE("Names from outside cannot steer the terminal of who looks at top") {
    value evil = calm();
    evil.as_object()["status"].as_object()["problems"] = array{"host1: \x1b[2J\x07gone"};
    evil.as_object()["hosts"].as_array()[0].as_object()["id"] = "a\x1b]0;b\x07\nc";
    CHECK(frame({evil}).find('\x1b') == std::string::npos);
    CHECK(frame({evil}).find('\x07') == std::string::npos);
    CHECK(top_frame({evil}, {}, style_of_width(80), 24).size() == 24);
}

TEST_CASE("Top bears an answer without anything in it") {
    CHECK(top_frame({object{}}, {}, style_of_width(80), 24).size() == 24);
    CHECK(top_frame({object{}}, {TopTable::vms, TopSort::vms, 5}, style_of_width(40), 1).size() == 1);
}

TEST_CASE("Keys change what top shows") {
    TopView view;
    CHECK(after_key(view, "c", 10).sort == TopSort::cpu);
    CHECK(after_key(view, "m", 10).sort == TopSort::memory);
    CHECK(after_key(view, "v", 10).sort == TopSort::vms);
    CHECK(after_key(after_key(view, "n", 10), "a", 10).sort == TopSort::attention);
    CHECK(after_key(view, "down", 10).first == 1);
    CHECK(after_key(view, "up", 10).first == 0);
    CHECK(after_key(view, "page down", 10).first == 10);
    CHECK(after_key(after_key(view, "page down", 10), "page up", 7).first == 3);
    CHECK(after_key(after_key(view, "down", 10), "home", 10).first == 0);
    CHECK(after_key(after_key(view, "down", 10), "tab", 10).table == TopTable::vms);
    CHECK(after_key(after_key(view, "down", 10), "tab", 10).first == 0);
    for (int i = 0; i < 2; ++i) view = after_key(view, "tab", 10);
    CHECK(view.table == TopTable::history);
    CHECK(after_key(view, "tab", 10).table == TopTable::hosts);
    CHECK(after_key(after_key(view, "down", 10), "x", 10).first == 1);
}

TEST_CASE("What a terminal sends is taken apart into keys") {
    std::string sent = "c\x1b[B\x1bOA\t\x1b[5~q";
    std::vector<std::string> keys;
    while (!sent.empty()) keys.push_back(key_from(sent));
    CHECK(keys == std::vector<std::string>{"c", "down", "up", "tab", "page up", "q"});
    std::string unknown = "\x1b[24~q";
    CHECK(key_from(unknown).empty());
    std::string rubbish = "\x01\x7f\xff";
    CHECK(key_from(rubbish).empty());
    CHECK(rubbish.empty());
}

TEST_CASE("Top prints one frame into a pipe, or the daemon's answer for programs") {
    Run run;
    run.api.answers["GET /v1/overview"] = {{200, overview()}};
    CHECK(run({"top"}) == 0);
    CHECK(has(run.out.str(), "2 things need you"));
    CHECK_FALSE(has(run.out.str(), "q quit"));
    Run once;
    once.live = true;
    once.api.answers["GET /v1/overview"] = {{200, overview()}};
    CHECK(once({"top", "--once"}) == 0);
    CHECK(once.out.str() == run.out.str());
    Run program;
    program.api.answers["GET /v1/overview"] = {{200, overview()}};
    CHECK(program({"top", "-o", "json"}) == 0);
    CHECK(boost::json::parse(program.out.str()) == overview());
    Run gone;
    gone.api.failure = ballast::Error{ballast::ErrorCode::unavailable, "/run/x", "nobody listens"};
    CHECK(gone({"top"}) == 4);
    CHECK(has(gone.err.str(), "nobody listens"));
}

TEST_CASE("top does not say that all is well while VMs have to leave their host and cannot, and names each once") {
    value all = calm();
    const auto stays = [](const std::string& vm, const std::string& why) {
        return object{{"vm", "id-" + vm}, {"vm_name", vm}, {"target", nullptr}, {"text", why}, {"detail", ""}};
    };
    all.at("plan").as_object()["immovable"] = array{stays("db1", "uses a device"), stays("db1", "has a snapshot")};
    const std::string text = frame({all}, 120);
    CHECK(
        has(text, " 1 VM has to leave and cannot\n ! db1 has to leave its host and cannot: uses a device; has a snap"));
    CHECK(text.find("db1") == text.rfind("db1"));
    CHECK_FALSE(has(text, "All is well"));
}

TEST_CASE("VMs that could not be asked for are told to be old, where they are shown") {
    TopFacts facts{calm()};
    facts.vms_trouble = "too many viewers ask at once";
    CHECK(has(frame(facts, 80, 24, {TopTable::vms}), "! what is shown of VMs is old: too many viewers ask at once"));
    CHECK_FALSE(has(frame(facts), "too many viewers"));
}

TEST_CASE("The last rows of a table are as far as it scrolls") {
    const TopFacts facts{many_hosts(40)};
    const Style style = style_of_width(80);
    const std::size_t last = last_first(facts, {}, style, 24);
    CHECK(frame(facts, 80, 24, {.first = last}) == frame(facts, 80, 24, {.first = 1000}));
    CHECK(frame(facts, 80, 24, {.first = last - 1}) != frame(facts, 80, 24, {.first = last}));
    CHECK(last_first({many_hosts(3)}, {}, style, 24) == 0);
}
