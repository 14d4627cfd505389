#include "collectors/pressure.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace ballast;
using collectors::pressure_avg10;
using collectors::read_pressure;
using collectors::read_swap_in;

namespace {

namespace fs = std::filesystem;

/// A /proc of its own; gone with the test.
class FakeProc {
public:
    FakeProc() : path_(fs::temp_directory_path() / ("ballast-proc-" + std::to_string(::getpid()))) {
        fs::create_directories(path_ / "pressure");
    }
    ~FakeProc() { fs::remove_all(path_); }
    FakeProc(const FakeProc&) = delete;
    FakeProc& operator=(const FakeProc&) = delete;

    void write(const std::string& file, const std::string& text) const { std::ofstream(path_ / file) << text; }
    std::string path() const { return path_.string(); }

private:
    fs::path path_;
};

const std::string both =
    "some avg10=12.50 avg60=1.00 avg300=0.10 total=123456\n"
    "full avg10=3.25 avg60=0.50 avg300=0.05 total=23456\n";

}  // namespace

TEST_CASE("Pressure is the ten-second average of the line asked for, as a ratio") {
    CHECK(pressure_avg10(both, "some") == Approx(0.125));
    CHECK(pressure_avg10(both, "full") == Approx(0.0325));
    CHECK(pressure_avg10("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", "some") == 0.0);
    CHECK(pressure_avg10("some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", "some") == 1.0);
}

TEST_CASE("Pressure that is missing or odd is not known, and not zero") {
    const char* texts[] = {"",
                           "full avg10=1.00 avg60=0.00 avg300=0.00 total=0\n",
                           "some\n",
                           "some avg60=1.00\n",
                           "some avg10=\n",
                           "some avg10=x avg60=0.00\n",
                           "some avg10=nan avg60=0.00\n",
                           "some avg10=inf avg60=0.00\n",
                           "some avg10=-1.00 avg60=0.00\n",
                           "some avg10=100.01 avg60=0.00\n",
                           "someavg10=1.00\n"};
    for (const char* text : texts) {
        INFO(text);
        CHECK_FALSE(pressure_avg10(text, "some"));
    }
}

TEST_CASE("A pressure file that is missing leaves its own figures unknown and no others") {
    const FakeProc proc;
    proc.write("pressure/memory", both);
    const auto pressure = read_pressure(proc.path());
    REQUIRE(pressure.has_value());
    CHECK(pressure->memory_some == Approx(0.125));
    CHECK(pressure->memory_full == Approx(0.0325));
    CHECK_FALSE(pressure->cpu_some);
    CHECK_FALSE(pressure->io_some);
    CHECK_FALSE(pressure->io_full);
}

TEST_CASE("A kernel without pressure information is said to be one") {
    const FakeProc proc;
    const auto pressure = read_pressure(proc.path());
    REQUIRE_FALSE(pressure.has_value());
    CHECK(pressure.error().code == ErrorCode::unavailable);
}

TEST_CASE("Swapping is counted in pages of this machine") {
    const FakeProc proc;
    proc.write("vmstat", "nr_free_pages 5\npswpin 3\npswpout 9\n");
    const auto swap = read_swap_in(proc.path());
    REQUIRE(swap.has_value());
    CHECK(swap->count == 3 * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST_CASE("Swap counters that are missing are an error, and not zero") {
    const FakeProc proc;
    CHECK(read_swap_in(proc.path()).error().code == ErrorCode::unavailable);
    proc.write("vmstat", "nr_free_pages 5\npswpout 9\n");
    CHECK(read_swap_in(proc.path()).error().code == ErrorCode::corrupt);
    proc.write("vmstat", "nr_free_pages 5\npswpin many\n");
    CHECK(read_swap_in(proc.path()).error().code == ErrorCode::corrupt);
}
