// kill -9 in the middle of commits.
#include <fcntl.h>
#include <random>
#include <sched.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/embedded_fixture.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// Commits without end, and says each number once it is acknowledged.
[[noreturn]] void commit_for_ever(const std::string& directory, int first, int tell) {
    boost::asio::io_context io;
    VirtualClock clock;
    auto store = EmbeddedStore::open(io.get_executor(), clock, directory).value();
    for (int n = first;; ++n) {
        const Transaction both =
            transaction({put("/a/" + std::to_string(n), "x"), put("/b/" + std::to_string(n), "x")});
        if (!wait(io, store->commit(both))) ::_exit(1);
        if (::write(tell, &n, sizeof n) != sizeof n) ::_exit(1);
    }
}

/// Kills the committing process after some acknowledgements, at any point of the next commit.
void run_and_kill(const std::string& directory, int first, unsigned random, std::set<int>& acknowledged) {
    int channel[2];
    BALLAST_ASSERT(::pipe(channel) == 0);
    ::fcntl(channel[1], F_SETPIPE_SZ, 4096);  // a child far ahead of us would only give us more to read
    const pid_t child = ::fork();
    if (child == 0) commit_for_ever(directory, first, channel[1]);
    ::close(channel[1]);
    int n = 0;
    for (unsigned i = 0; i < 3 + random % 20; ++i)
        if (::read(channel[0], &n, sizeof n) == sizeof n) acknowledged.insert(n);
    for (unsigned turns = random % 200; turns > 0; --turns) ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(channel[0], &n, sizeof n) == sizeof n) acknowledged.insert(n);
    ::close(channel[0]);
}

}  // namespace

TEST_CASE("A daemon killed again and again keeps every acknowledged commit, and whole ones only") {
    Embedded bench;
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::set<int> acknowledged;
    for (int round = 0; round < 15; ++round) {
        bench.close();
        run_and_kill(bench.directory(), round * 1000, static_cast<unsigned>(random()), acknowledged);
        bench.reopen();
        REQUIRE(bench.notes().empty());
        std::set<std::string> keys;
        for (const auto& entry : bench.everything()) keys.insert(entry.key);
        for (const int n : acknowledged) REQUIRE(keys.contains("/a/" + std::to_string(n)));
        for (const auto& key : keys) REQUIRE(keys.contains((key[1] == 'a' ? "/b" : "/a") + key.substr(2)));
    }
    CHECK(acknowledged.size() > 30);
}
