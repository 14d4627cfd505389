#include "power/app.h"

#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "power/broker.h"
#include "power/metadata.h"
#include "power/server.h"
#include "service/log.h"
#include "service/notify.h"
#include "service/real_clock.h"

namespace ballast::power {

namespace asio = boost::asio;

namespace {

constexpr int exit_cannot_run = 1, exit_bad_file = 2;
constexpr const char* daemon_user = "ballast";

// Before any secret is read. A limit of one byte, which our children get as well, also stops a core that is piped to a
// program; a limit of 0 does not [core(5), fs/coredump.c].
void keep_secrets_in() {
    const rlimit one_byte{1, 1};
    ::setrlimit(RLIMIT_CORE, &one_byte);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

Tools real_tools() {
    char path[4096] = {};
    Tools tools;
    if (::readlink("/proc/self/exe", path, sizeof path - 1) > 0) tools.self = path;
    return tools;
}

Surroundings real_surroundings(bool credentials_needed) {
    Surroundings surroundings;
    surroundings.credentials_needed = credentials_needed;
    if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY")) surroundings.credentials = directory;
    return surroundings;
}

/// Everything but the socket.
class Core {
public:
    explicit Core(bool adopts) : children(adopts) {}

    asio::awaitable<config::Loaded<PowerFile>> load(std::string path, bool credentials_needed) {
        auto loaded = load_power_file(path, real_surroundings(credentials_needed));
        if (!loaded) co_return loaded;
        PowerFile file = *loaded;
        auto problems = co_await unknown_parameters(children, tools, std::move(file));
        if (!problems.empty()) co_return problems;
        co_return loaded;
    }
    /// Runs the io_context until `task` is done.
    template <class T>
    T wait_for(asio::awaitable<T> task) {
        std::optional<T> result;
        asio::co_spawn(io, keep(std::move(task), result), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        io.restart();
        while (!result) BALLAST_ASSERT(io.run_one() > 0);
        return std::move(*result);
    }

    asio::io_context io{1};
    RealClock clock;
    Tools tools = real_tools();
    Children children;

private:
    template <class T>
    static asio::awaitable<void> keep(asio::awaitable<T> task, std::optional<T>& result) {
        result.emplace(co_await std::move(task));
    }
};

class App {
public:
    App(Core& core, PowerFile file, std::string path, ServerOptions options)
        : core_(core),
          path_(std::move(path)),
          broker_(core.clock, core.children, core.tools, std::move(file)),
          server_(core.io.get_executor(), broker_, std::move(options)),
          stop_signals_(core.io, SIGINT, SIGTERM),
          reload_signal_(core.io, SIGHUP) {}

    int run() {
        if (const auto listening = server_.start(); !listening) {
            spdlog::critical("cannot start: {}", to_string(listening.error()));
            return exit_cannot_run;
        }
        // A change under way is cut off: its outcome is unknown, as whoever waits for it is told by the closed socket.
        stop_signals_.async_wait([this](auto, int) {
            service::notify_stopping();
            core_.io.stop();
        });
        asio::co_spawn(core_.io, reload_on_signal(), asio::detached);
        asio::co_spawn(core_.io, service::run_watchdog(), asio::detached);
        service::notify_ready();
        core_.io.restart();  // loading the file may have left it without work
        core_.io.run();
        server_.stop();
        return 0;
    }

private:
    asio::awaitable<void> reload_on_signal() {
        for (;;) {
            auto token = asio::as_tuple(asio::use_awaitable);
            const auto signalled = co_await reload_signal_.async_wait(token);
            if (std::get<0>(signalled)) co_return;
            service::notify_reloading();
            const auto loaded = co_await core_.load(path_, true);
            if (loaded) broker_.replace(*loaded);
            if (loaded)
                spdlog::info("{} reloaded", path_);
            else
                spdlog::error("not reloaded, the last good file stays in force:\n{}", to_string(loaded.problems()));
            service::notify_ready();
        }
    }

    Core& core_;
    std::string path_;
    Broker broker_;
    Server server_;
    asio::signal_set stop_signals_, reload_signal_;
};

int show(const config::Diagnostics& problems) {
    std::fputs(to_string(problems).c_str(), stderr);
    return exit_bad_file;
}

ServerOptions server_options(const std::string& socket) {
    ServerOptions options;
    options.socket = socket;
    if (const auto daemon = service::user_id(daemon_user))
        options.users.insert(*daemon);
    else
        spdlog::warn("there is no user {}: only root may ask", daemon_user);
    return options;
}

std::string in_words(const Result<Power>& power) {
    return power ? to_string(*power) : "FAILS: " + power.error().message;
}

}  // namespace

int run(const std::string& file, const std::string& socket) {
    keep_secrets_in();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    service::set_up_log("ballast-powerd", "info");
    auto& core = *new Core(true);  // never destroyed: coroutines that wait for children refer to it
    const auto loaded = core.wait_for(core.load(file, true));
    if (!loaded) return show(loaded.problems());
    auto& app = *new App(core, *loaded, file, server_options(socket));
    spdlog::info("ballast-powerd {} knows {} host(s)", BALLAST_VERSION, loaded->hosts.size());
    return app.run();
}

int check(const std::string& file) {
    keep_secrets_in();
    static auto& core = *new Core(false);  // never destroyed: what waits on it may still refer to it
    const auto loaded = core.wait_for(core.load(file, false));
    if (!loaded) return show(loaded.problems());
    return 0;
}

int probe(const std::string& file, const std::string& host) {
    keep_secrets_in();
    static auto& core = *new Core(false);  // never destroyed: what waits on it may still refer to it
    const auto loaded = core.wait_for(core.load(file, true));
    if (!loaded) return show(loaded.problems());
    Broker broker(core.clock, core.children, core.tools, *loaded);
    const auto can = broker.host({host});
    const auto probes = core.wait_for(broker.probe({host}));
    if (!probes || !can) {
        fmt::print(stderr, "{}\n", to_string(probes.error()));
        return exit_cannot_run;
    }
    bool all_answer = true;
    for (std::size_t at = 0; at < probes->size(); ++at) {
        const Probe& level = (*probes)[at];
        fmt::print("level {} {}: {} ({})\n", at + 1, level.agent, in_words(level.status), to_string(level.took));
        all_answer = all_answer && level.status.has_value();
    }
    if (can->wakes) fmt::print("Wake-on-LAN: configured; only switching on shows whether it works\n");
    if (can->measures) {
        const auto watts = core.wait_for(broker.watts({host}));
        fmt::print("watts: {}\n", !watts    ? "FAILS: " + watts.error().message
                                  : !*watts ? "no sensor"
                                            : fmt::format("{}", **watts));
        all_answer = all_answer && watts && *watts;
    }
    return all_answer ? 0 : exit_cannot_run;
}

}  // namespace ballast::power
