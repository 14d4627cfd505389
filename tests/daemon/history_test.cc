// The history's files: bounded, begun anew after a crash, and never in the way.
#include "daemon/history.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        std::string pattern = fs::temp_directory_path() / "ballast-history-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()));
        path = pattern + "/history";
    }
    ~Folder() { fs::remove_all(fs::path(path).parent_path()); }

    std::vector<fs::path> files() const {
        std::vector<fs::path> all;
        for (const auto& entry : fs::directory_iterator(path)) all.push_back(entry.path());
        std::sort(all.begin(), all.end());
        return all;
    }
    std::uintmax_t size() const {
        std::uintmax_t total = 0;
        for (const fs::path& file : files()) total += fs::file_size(file);
        return total;
    }
    std::vector<interchange::Snapshot> read() const {
        std::vector<interchange::Snapshot> all;
        for (const fs::path& file : files()) {
            std::ifstream in(file, std::ios::binary);
            const std::string text{std::istreambuf_iterator<char>(in), {}};
            (void)interchange::read_history(text, [&](const auto& one) { all.push_back(one); });
        }
        return all;
    }
    std::string path;
};

interchange::Snapshot look(int minute) {
    interchange::Snapshot one;
    one.at = WallTime(minute * 1min);
    Host host;
    host.id = {"h1"};
    host.facts.cpus = 8;
    one.inventory.hosts[host.id] = host;
    Vm vm;
    vm.id = {"v1"};
    vm.host = host.id;
    vm.load.cpu_used_cores = minute % 7;
    one.inventory.vms[vm.id] = vm;
    return one;
}

interchange::Snapshot large_look(int minute) {
    interchange::Snapshot one = look(minute);
    const Vm vm = one.inventory.vms.begin()->second;
    for (int i = 0; i < 50; ++i) {
        const VmId id{"v" + std::to_string(i)};
        one.inventory.vms[id] = vm;
        one.inventory.vms[id].id = id;
    }
    return one;
}

}  // namespace

TEST_CASE("The history keeps within its bound and drops the oldest") {
    Folder folder;
    HistoryFiles files(folder.path, Bytes{128 << 10});
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(files.append(look(i)).has_value());
        if (i % 50 == 0) CHECK(folder.size() <= (128 << 10));
    }
    const auto kept = folder.read();
    CHECK(kept.size() > 100);
    CHECK(kept.size() < 2000);
    CHECK(kept.back().at == WallTime(1999min));
    for (std::size_t i = 1; i < kept.size(); ++i) CHECK(kept[i].at - kept[i - 1].at == 1min);
}

TEST_CASE("Where a whole look takes more than a sixteenth of the bound, many looks fit all the same") {
    Folder folder;
    constexpr std::uintmax_t bound = 256 << 10;
    HistoryFiles files(folder.path, Bytes{bound});
    interchange::HistoryWriter writer;
    REQUIRE(writer.line(large_look(0)).size() > bound / 16);
    REQUIRE(writer.line(large_look(0)).size() < bound / 4);
    for (int i = 0; i < 500; ++i) {
        REQUIRE(files.append(large_look(i)).has_value());
        CHECK(folder.size() <= bound);
    }
    const auto kept = folder.read();
    CHECK(kept.size() > 20);
    CHECK(kept.back().at == WallTime(499min));
    for (std::size_t i = 1; i < kept.size(); ++i) CHECK(kept[i].at - kept[i - 1].at == 1min);
}

TEST_CASE("After a crash in mid-line the history goes on in a new file, and the rest is read") {
    Folder folder;
    {
        HistoryFiles files(folder.path, mib(1));
        for (int i = 0; i < 5; ++i) REQUIRE(files.append(look(i)).has_value());
    }
    fs::resize_file(folder.files().front(), fs::file_size(folder.files().front()) - 3);
    HistoryFiles files(folder.path, mib(1));
    for (int i = 5; i < 8; ++i) REQUIRE(files.append(look(i)).has_value());
    const auto read = folder.read();
    REQUIRE(read.size() == 7);
    CHECK(read[3].at == WallTime(3min));
    CHECK(read[4].at == WallTime(5min));
}

TEST_CASE("A folder that cannot be written is told once, and works again when it can be") {
    Folder folder;
    std::ofstream(folder.path) << "in the way";
    std::atomic<int> told = 0;
    History history(folder.path, mib(1), [&](const Error&) { ++told; });
    for (int i = 0; i < 5; ++i) {
        history.keep(WallTime(i * 1min), [&] { return look(i); });
        std::this_thread::sleep_for(20ms);
    }
    CHECK(told == 1);
}

TEST_CASE("A look a minute is enough") {
    Folder folder;
    int asked = 0;
    {
        History history(folder.path, mib(1), {});
        for (int second = 0; second < 60; second += 10)
            history.keep(WallTime(second * 1s), [&] { return ++asked, look(0); });
    }
    CHECK(asked == 1);
    CHECK(folder.read().size() == 1);
}
