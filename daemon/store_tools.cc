#include "daemon/store_tools.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <memory>
#include <optional>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"
#include "daemon/open_store.h"
#include "daemon/store_archive.h"
#include "service/log.h"
#include "service/real_clock.h"
#include "store/files.h"

namespace ballast::daemon {

namespace {

constexpr int exit_failed = 1, exit_bad_input = 2;

int failed(const Error& error, int status = exit_failed) {
    std::fprintf(stderr, "ballastd: %s\n", to_string(error).c_str());
    return status;
}

void log_to_stderr(const config::DaemonOptions& options) {
    if (!spdlog::get("ballastd")) service::set_up_log("ballastd", options.log_level);
}

Error of_system(const std::string& subject) {
    return {ErrorCode::unavailable, subject, std::strerror(errno)};
}

Result<std::string> read_whole(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad()) return Error{ErrorCode::not_found, file, std::strerror(errno)};
    return text;
}

// Half a backup never bears the name of a whole one, and its content is not for everybody.
Result<void> write_whole(const std::string& file, const std::string& text) {
    const std::string unfinished = file + ".new";
    const store::FileDescriptor out(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (out.get() < 0) return of_system(unfinished);
    auto written = store::write_all(out, unfinished, text);
    // Whose directory is synced, too: it has to be named.
    if (written) written = store::rename_file(unfinished, std::filesystem::absolute(file));
    if (!written) (void)::unlink(unfinished.c_str());
    return written;
}

// Root writes files that the daemon, which is somebody else, has to read afterwards.
Result<void> become_owner_of(const std::string& directory) {
    struct stat about {};
    if (::geteuid() != 0 || ::stat(directory.c_str(), &about) != 0 || about.st_uid == 0) return {};
    const passwd* user = ::getpwuid(about.st_uid);
    const bool groups = user != nullptr ? ::initgroups(user->pw_name, about.st_gid) == 0 : ::setgroups(0, nullptr) == 0;
    if (!groups || ::setegid(about.st_gid) != 0 || ::seteuid(about.st_uid) != 0) return of_system(directory);
    return {};
}

void become_oneself_again() {
    (void)!::seteuid(::getuid());
    (void)!::setegid(::getgid());
}

Result<void> check_no_daemon_answers(boost::asio::io_context& io, const std::string& path) {
    boost::asio::local::stream_protocol::socket socket(io);
    boost::system::error_code failure;
    socket.connect(path, failure);
    if (failure) return {};
    return Error{ErrorCode::conflict, path, "a ballastd answers here: systemctl stop ballastd comes first"};
}

/// One run of such a command.
struct Work {
    boost::asio::io_context io{1};
    RealClock clock;

    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> task) {
        std::optional<Result<T>> result;
        boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr, Result<T> done) {
            result = std::move(done);
            io.stop();
        });
        io.run();
        io.restart();
        return std::move(*result);
    }
    Result<std::unique_ptr<Store>> open(const config::DaemonOptions& options) {
        return wait(open_store(io.get_executor(), clock, options));
    }
};

std::optional<config::DaemonOptions> load(const std::string& file) {
    const auto options = config::load_daemon_file(file);
    if (options) return *options;
    std::fputs(to_string(options.problems()).c_str(), stderr);
    return std::nullopt;
}

Result<std::string> text_of(Work& work, Store& store, const config::DaemonOptions& options) {
    const auto backup = work.wait(back_up(store, name_of_store(options), work.clock.wall_now()));
    if (!backup) return backup.error();
    return interchange::to_text(*backup);
}

// What a restore takes the place of: nothing when there is nothing.
Result<std::string> keep_what_is_there(Work& work, Store& store, const config::DaemonOptions& options) {
    const auto there = work.wait(store.list(""));
    if (!there) return there.error();
    if (there->empty()) return std::string();
    std::string time = ballast::to_string(work.clock.wall_now());
    std::erase(time, ':');
    std::string file = options.state_dir + "/store.before-restore-" + time + ".json";
    const auto text = text_of(work, store, options);
    if (!text) return text.error();
    const auto written = write_whole(file, *text);
    if (!written) return written.error();
    return file;
}

/// A directory is one store's at a time. Of two that share it, the one in etcd keeps what it remembers (docs/store.md,
/// History) in another one meanwhile.
class Aside {
public:
    /// `remembers`: it is the store of now, whose memory is there already.
    static Result<std::unique_ptr<Aside>> make(const std::string& directory, bool remembers) {
        auto aside = std::unique_ptr<Aside>(new Aside(directory + "/moving"));
        if (auto made = store::make_directory(aside->directory); !made) return made.error();
        if (!remembers) return aside;
        for (const char* name : {"/etcd.mark", "/etcd.cluster"}) {
            if (!store::exists(directory + name)) continue;
            if (auto copied = store::copy_file(directory + name, aside->directory + name); !copied)
                return copied.error();
        }
        return aside;
    }
    ~Aside() {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

    const std::string directory;

private:
    explicit Aside(std::string to) : directory(std::move(to)) {}
};

Result<std::size_t> move_between(Work& work, config::DaemonOptions from, config::DaemonOptions to) {
    const std::string from_name = name_of_store(from), to_name = name_of_store(to);
    std::unique_ptr<Aside> aside;  // outlives the stores
    if (from.state_dir == to.state_dir) {
        const bool is_target = to.store.kind == "etcd";
        auto made = Aside::make(from.state_dir, !is_target);
        if (!made) return made.error();
        aside = std::move(*made);
        (is_target ? to : from).state_dir = aside->directory;
    }
    auto source = work.open(from);
    if (!source) return source.error();
    auto target = work.open(to);
    if (!target) return target.error();
    return work.wait(move(**source, from_name, **target, to_name));
}

std::string listed(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
    return text;
}

void tell_restored(const interchange::StoreBackup& backup, const Restorable& content, const std::string& before) {
    std::printf("Restored the backup of %s by %s: %zu entries.\n", backup.at.c_str(), backup.written_by.c_str(),
                content.entries.size());
    std::printf("VMs known by name and host until they are seen running again: %zu. None of them is started before.\n",
                content.vms);
    if (!content.left_out.empty()) std::printf("Not brought back: %s.\n", listed(content.left_out).c_str());
    if (!before.empty()) std::printf("What the store held before is in %s.\n", before.c_str());
    std::printf(
        "Everything is paused. Now: systemctl start ballastd (on every host), see that `ballastctl status` shows the\n"
        "hosts and VMs as they are, then `ballastctl resume`.\n");
}

}  // namespace

int back_up_store(const std::string& config_file, const std::string& to_file) {
    const auto options = load(config_file);
    if (!options) return exit_bad_input;
    log_to_stderr(*options);
    Work work;
    if (const auto owner = become_owner_of(options->state_dir); !owner) return failed(owner.error());
    auto store = work.open(*options);
    if (!store) return failed(store.error());
    const auto text = text_of(work, **store, *options);
    if (!text) return failed(text.error());
    store->reset();
    become_oneself_again();
    if (to_file == "-") return std::fputs(text->c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : exit_failed;
    if (const auto written = write_whole(to_file, *text); !written) return failed(written.error());
    std::printf("%s is a backup of %s.\n", to_file.c_str(), name_of_store(*options).c_str());
    return 0;
}

int restore_store(const std::string& config_file, const std::string& from_file) {
    const auto options = load(config_file);
    if (!options) return exit_bad_input;
    log_to_stderr(*options);
    const auto text = read_whole(from_file);
    if (!text) return failed(text.error(), exit_bad_input);
    const auto backup = interchange::parse_store_backup(*text);
    if (!backup) return failed({backup.error().code, from_file, backup.error().message}, exit_bad_input);
    auto content = restorable(*backup);
    if (!content) return failed({content.error().code, from_file, to_string(content.error())}, exit_bad_input);
    Work work;
    if (const auto free = check_no_daemon_answers(work.io, options->socket); !free) return failed(free.error());
    if (const auto owner = become_owner_of(options->state_dir); !owner) return failed(owner.error());
    auto store = work.open(*options);
    if (!store) return failed(store.error());
    const auto before = keep_what_is_there(work, **store, *options);
    if (!before) return failed(before.error());
    const auto restored = work.wait(restore(**store, *content, "the backup of " + backup->at));
    if (!restored) return failed(restored.error());
    tell_restored(*backup, *content, *before);
    return 0;
}

int move_store(const std::string& config_file, const std::string& new_config_file) {
    const auto from = load(config_file);
    const auto to = load(new_config_file);
    if (!from || !to) return exit_bad_input;
    log_to_stderr(*from);
    const std::string from_name = name_of_store(*from), to_name = name_of_store(*to);
    if (from_name == to_name)
        return failed({ErrorCode::invalid, new_config_file, "has the same store: " + to_name}, exit_bad_input);
    Work work;
    if (const auto free = check_no_daemon_answers(work.io, from->socket); !free) return failed(free.error());
    if (const auto owner = become_owner_of(from->state_dir); !owner) return failed(owner.error());
    const auto moved = move_between(work, *from, *to);
    if (!moved) return failed(moved.error());
    std::printf("Moved %zu entries from %s to %s, and read them back.\n", *moved, from_name.c_str(), to_name.c_str());
    std::printf("No ballastd starts with the old store any more. Now: put %s in the place of %s, and start ballastd.\n",
                new_config_file.c_str(), config_file.c_str());
    return 0;
}

}  // namespace ballast::daemon
