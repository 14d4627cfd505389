// A full disk: a quota of the store's own, and a tiny file system in earnest.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/embedded_fixture.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

void write_text(const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
}

/// A mount namespace of our own, so that the mount ends with the process; in a user namespace unless root.
bool may_mount() {
    const auto user = std::to_string(::getuid()), group = std::to_string(::getgid());
    if (::getuid() == 0) return ::unshare(CLONE_NEWNS) == 0;
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", "0 " + user + " 1");
    write_text("/proc/self/gid_map", "0 " + group + " 1");
    return true;
}

bool mount_tiny(const std::string& place) {
    return may_mount() && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=1536k") == 0;
}

using Scenario = std::function<std::string(const std::string& place)>;

/// Runs the scenario in a process of its own on a file system of 1.5 MiB. Returns what went wrong; "skipped" when this
/// machine does not let us mount one.
std::string on_a_tiny_file_system(const Scenario& scenario) {
    const TemporaryDirectory place;
    int channel[2];
    BALLAST_ASSERT(::pipe(channel) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string outcome = mount_tiny(place.path()) ? scenario(place.path()) : "skipped";
        (void)!::write(channel[1], outcome.data(), outcome.size());
        ::_exit(0);
    }
    ::close(channel[1]);
    std::string outcome(4096, '\0');
    const ssize_t size = ::read(channel[0], outcome.data(), outcome.size());
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(channel[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the process died";
    return outcome.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
}

void fill(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const std::string block(4096, '#');
    while (::write(descriptor, block.data(), block.size()) > 0) {
    }
    ::close(descriptor);
}

void check(const Scenario& scenario) {
    const std::string outcome = on_a_tiny_file_system(scenario);
    if (outcome == "skipped")
        WARN("no file system could be mounted here: only the quota is tested");
    else
        CHECK(outcome == "");
}

/// The parts of a scenario: a store in `place` and a file that takes all the space that is left.
struct Tiny {
    explicit Tiny(const std::string& place) : directory(place + "/store"), filler(place + "/filler") { open(); }

    void open() { store = EmbeddedStore::open(io.get_executor(), clock, directory).value(); }
    Result<Commit> put(const std::string& key, const std::string& value, LeaseId lease = 0) {
        return wait(io, store->commit(transaction({ballast::test::put(key, value, lease)})));
    }
    std::string get(const std::string& key) {
        const auto entry = wait(io, store->get(key));
        return !entry ? to_string(entry.error()) : *entry ? (*entry)->value : "absent";
    }
    /// Until a commit fails: the log has some room already.
    ErrorCode put_until_full() {
        for (int i = 0; i < 1000; ++i)
            if (const auto committed = put("/big", std::string(20'000, static_cast<char>('a' + i % 26))); !committed)
                return committed.error().code;
        return ErrorCode::internal;
    }

    const std::string directory, filler;
    boost::asio::io_context io;
    VirtualClock clock;
    std::unique_ptr<EmbeddedStore> store;
};

std::string commits_and_reads(const std::string& place) {
    Tiny tiny(place);
    if (!tiny.put("/a", "before")) return "the first commit failed";
    fill(tiny.filler);
    if (tiny.put_until_full() != ErrorCode::no_space) return "a full disk is not no_space";
    if (tiny.get("/a") != "before") return "a read on a full disk: " + tiny.get("/a");
    const auto big = tiny.get("/big");
    if (tiny.put("/a", std::string(50'000, 'x')).has_value()) return "a commit on a full disk succeeded";
    if (tiny.get("/a") != "before" || tiny.get("/big") != big) return "a failed commit changed something";
    files::remove(tiny.filler);
    if (!tiny.put("/a", "after")) return "space is back, but commits fail";
    tiny.store.reset();
    tiny.open();
    if (!tiny.store->notes().empty()) return tiny.store->notes()[0];
    return tiny.get("/a") == "after" && tiny.get("/big") == big ? "" : "not there after opening again";
}

std::string opening(const std::string& place) {
    Tiny tiny(place);
    if (!tiny.put("/a", "before")) return "the first commit failed";
    tiny.store.reset();
    fill(tiny.filler);
    auto opened = EmbeddedStore::open(tiny.io.get_executor(), tiny.clock, tiny.directory);
    if (!opened && opened.error().code != ErrorCode::no_space) return to_string(opened.error());
    if (opened) opened->reset();
    files::remove(tiny.filler);
    tiny.open();
    if (!tiny.store->notes().empty()) return tiny.store->notes()[0];
    return tiny.get("/a") == "before" ? "" : "lost: " + tiny.get("/a");
}

std::string leases(const std::string& place) {
    Tiny tiny(place);
    const LeaseId lease = wait(tiny.io, tiny.store->grant(seconds(10))).value();
    if (!tiny.put("/leased", "x", lease)) return "the first commit failed";
    fill(tiny.filler);
    if (tiny.put_until_full() != ErrorCode::no_space) return "a full disk is not no_space";
    tiny.clock.advance(seconds(11));
    const auto kept = wait(tiny.io, tiny.store->keep_alive(lease));
    // The erasure may have found room: the log keeps the frames of failed commits.
    if (kept.has_value()) return "an ended lease was renewed";
    const bool gone = kept.error().code == ErrorCode::not_found;
    if (gone != (tiny.get("/leased") == "absent")) return "not_found, but the key is there (or the other way round)";
    files::remove(tiny.filler);
    tiny.clock.advance(seconds(2));
    return tiny.get("/leased") == "absent" ? "" : "space is back, but the ended lease's key is still there";
}

}  // namespace

TEST_CASE("On a full disk commits fail as no_space, reads go on, and all is well when there is room again") {
    check(commits_and_reads);
}

TEST_CASE("A store that is opened on a full disk loses nothing by it") {
    check(opening);
}

TEST_CASE("A lease that ends on a full disk is not renewed, and its keys go when there is room") {
    check(leases);
}

TEST_CASE("A store at its quota refuses what makes it larger, and takes it again after an erasure") {
    EmbeddedStoreOptions options;
    options.largest_database = kib(512);
    Embedded bench(options);
    const std::string value(20'000, 'v');
    int fitted = 0;
    for (; fitted < 100; ++fitted) {
        const auto committed = bench.commit({put("/" + std::to_string(fitted), value)});
        if (committed) continue;
        CHECK(committed.error().code == ErrorCode::no_space);
        break;
    }
    CHECK(fitted > 10);
    CHECK(fitted < 26);
    const Revision revision = bench.revision();
    CHECK(bench.commit({put("/0", "changed"), put("/x", value), put("/y", value)}).error().code == ErrorCode::no_space);
    CHECK(bench.value("/0") == value);
    CHECK(bench.revision() == revision);
    bench.commit({erase("/1"), erase("/2")}).value();
    CHECK(bench.commit({put("/x", value)}).value().revision == revision + 2);
    bench.reopen();
    CHECK(bench.notes().empty());
    CHECK(bench.value("/x") == value);
}
