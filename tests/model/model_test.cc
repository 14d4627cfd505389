#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "model/operation.h"
#include "model/reason.h"
#include "model/result.h"
#include "model/units.h"

using namespace ballast;
using namespace std::chrono_literals;

TEST_CASE("memory never becomes negative") {
    CHECK(mib(1) - mib(2) == Bytes{});
    CHECK(gib(1) - mib(24) == mib(1000));
}

TEST_CASE("amounts of data read as people write them") {
    CHECK(to_string(Bytes{0}) == "0 B");
    CHECK(to_string(mib(96)) == "96 MiB");
    CHECK(to_string(mib(1536)) == "1.5 GiB");
    CHECK(to_string(Bytes{1023}) == "1023 B");
}

TEST_CASE("durations read as people write them") {
    CHECK(to_string(Duration{160}) == "160 ms");
    CHECK(to_string(Duration{4200}) == "4.2 s");
    CHECK(to_string(Duration{5min}) == "5 min");
    CHECK(to_string(Duration{80min}) == "80 min");
    CHECK(to_string(Duration{140min}) == "2 h 20 min");
}

TEST_CASE("ratios read as percent, small ones with a decimal") {
    CHECK(percent(0.834) == "83 %");
    CHECK(percent(0.034) == "3.4 %");
    CHECK(percent(0) == "0 %");
}

TEST_CASE("times are written in UTC") {
    CHECK(to_string(WallTime{Duration{0}}) == "1970-01-01T00:00:00Z");
}

TEST_CASE("every reason has a name of its own and a sentence") {
    std::set<std::string> names;
    for (const Reason reason : all_reasons()) {
        CHECK(names.insert(to_string(reason)).second);
        CHECK(explain(reason).size() > 10);
    }
    CHECK(names.size() == static_cast<std::size_t>(Reason::paused) + 1);
}

TEST_CASE("every reason is documented") {
    std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../docs/reasons.md");
    std::ostringstream text;
    text << in.rdbuf();
    for (const Reason reason : all_reasons())
        CHECK(text.str().find("| `" + to_string(reason) + "` |") != std::string::npos);
}

TEST_CASE("every state of an operation is found again by its name") {
    for (int i = 0; i <= static_cast<int>(OperationState::failed); ++i) {
        const auto state = static_cast<OperationState>(i);
        CHECK(operation_state_from(to_string(state)) == state);
        CHECK(is_final(state) == (state >= OperationState::done));
    }
    CHECK_FALSE(operation_state_from("nonsense"));
}

TEST_CASE("an error names its subject and its message") {
    CHECK(to_string(Error{ErrorCode::refused, "host2", "no memory"}) == "host2: no memory");
    CHECK(to_string(Error{ErrorCode::internal, "", "odd"}) == "odd");
}
