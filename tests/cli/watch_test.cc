#include "cli/watch.h"

#include "cli/watch_frame.h"
#include "cli/whole_file.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;
using ballast::Error;
using ballast::ErrorCode;

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct Enough {};  // how a test ends a watch that has no end

/// So many looks on a pipe; before each one but the first `before` runs.
void watch_times(
    Run& run, int looks, const std::vector<std::string>& words,
    const std::function<void(int look)>& before = [](int) {}) {
    int waits = 0;
    Terminal terminal{run.out, run.err, run.style, run.style, false, [&](int) {
                          if (++waits == looks) throw Enough();
                          before(waits);
                      }};
    // Answers may change between looks, so the API is not copied.
    struct Shared : Api {
        explicit Shared(FakeApi& api) : api_(api) {}
        ballast::Result<Answer> call(Method method, const std::string& target, const value& body) override {
            return api_.call(method, target, body);
        }
        FakeApi& api_;
    };
    CHECK_THROWS_AS(ballast::cli::run(words, terminal, [&](std::string) { return std::make_unique<Shared>(run.api); }),
                    Enough);
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}
}  // namespace

TEST_CASE("On a pipe a watch prints one block for each look, and one document a line for programs") {
    Run people, program, yaml;
    for (Run* run : {&people, &program, &yaml}) run->api.answers["GET /v1/hosts"] = {{200, sample("hosts")}};
    watch_times(people, 3, {"hosts", "--watch"});
    CHECK(count(people.out.str(), "CPU demand") == 3);
    CHECK_FALSE(has(people.out.str(), "\x1b"));
    watch_times(program, 3, {"hosts", "--watch", "5", "-o", "json"});
    const auto lines = text_lines(program.out.str());
    REQUIRE(lines.size() == 3);
    for (const std::string& line : lines) CHECK(boost::json::parse(line) == sample("hosts"));
    watch_times(yaml, 2, {"-o", "yaml", "hosts", "-w"});
    CHECK(count(yaml.out.str(), "---\n") == 2);
}

TEST_CASE("A watch tells once that the daemon went away, goes on, and tells that it is back") {
    Run run;
    run.api.answers["GET /v1/hosts"] = {{200, sample("hosts")}};
    watch_times(run, 6, {"hosts", "--watch"}, [&](int look) {
        run.api.failure.reset();
        if (look == 1 || look == 2 || look == 3)
            run.api.failure = Error{ErrorCode::unavailable, "/run/b.sock", "Connection refused"};
    });
    CHECK(count(run.out.str(), "CPU demand") == 3);
    CHECK(count(run.err.str(), "Connection refused") == 1);
    CHECK(count(run.err.str(), "watching on") == 1);
    CHECK(count(run.err.str(), "it answers again") == 1);
}

TEST_CASE("What cannot be looked at in the first place is not watched") {
    Run away, unknown;
    away.api.failure = Error{ErrorCode::unavailable, "/run/b.sock", "Connection refused"};
    CHECK(away({"status", "--watch"}) == 4);
    CHECK(has(away.err.str(), "systemctl status ballastd"));
    CHECK(unknown({"explain", "host", "nosuch", "--watch"}) == 1);
    CHECK(unknown.waits == 0);
}

TEST_CASE("An interval that is none is refused, and what was probably meant is said") {
    for (const std::string wrong : {"0", "0.1", "5000", "web1", "-1"}) {
        Run run;
        CHECK(run({"explain", "vm", "--watch=" + wrong, "web1"}) == 2);
        CHECK(has(run.err.str(), "--watch"));
        CHECK(run.requests().empty());
    }
    CHECK(watch_interval("2") == std::chrono::milliseconds(2000));
    CHECK(watch_interval("0.5") == std::chrono::milliseconds(500));
    CHECK_FALSE(watch_interval("2s"));
}

TEST_CASE("A frame of a watch has the title, the answer, and what is wrong, within the rows there are") {
    WatchShown shown;
    shown.title = "ballastctl hosts";
    shown.every = std::chrono::milliseconds(2500);
    shown.at = "2026-11-22 10:15:00";
    for (int i = 0; i < 50; ++i) shown.lines.push_back("line " + std::to_string(i));
    const Style style = style_of_width(80);
    const auto frame = watch_frame(shown, style, 24);
    REQUIRE(frame.size() == 24);
    CHECK(has(frame[0], "ballastctl hosts every 2.5 s"));
    CHECK(has(frame[0], "2026-11-22 10:15:00"));
    CHECK(frame[1] == "line 0");
    CHECK(has(frame[23], "lines 1-22 of 50"));
    for (const std::string& line : frame) CHECK(ballast::cli::Phrase(line).width() <= 80);

    shown.first = scrolled(shown, "page down", 24);
    CHECK(shown.first == 22);
    shown.first = scrolled(shown, "page down", 24);
    CHECK(watch_frame(shown, style, 24)[22] == "line 49");  // never beyond the end
    CHECK(scrolled(shown, "home", 24) == 0);
    CHECK(scrolled(shown, "up", 24) == shown.first - 1);

    shown.trouble = "the daemon does not answer";
    shown.age = 14;
    const auto troubled = watch_frame(shown, style, 24);
    REQUIRE(troubled.size() == 24);
    CHECK(has(troubled[1], "this is 14 s old, watching on: the daemon does not answer"));

    shown.lines.resize(3);
    CHECK(watch_frame(shown, style, 24).size() == 5);
    CHECK(watch_frame(shown, style, 2).size() == 2);
}
