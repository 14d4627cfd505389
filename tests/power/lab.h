// Fake agents in a folder of their own: shell scripts that keep "on" or "off" in a file and note what they were asked.
#pragma once

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "power/broker.h"
#include "service/real_clock.h"
#include "tests/sim/show_result.h"

namespace ballast::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Long enough for any agent that works, on a machine with much else to do.
constexpr Duration ample = seconds{20};

class Lab {
public:
    Lab() {
        char name[] = "/tmp/ballast-power-XXXXXX";
        REQUIRE(::mkdtemp(name));
        folder_ = name;
        set("on");
        tools.agents = folder_;
        tools.self = BALLAST_POWERD;
    }
    ~Lab() { std::filesystem::remove_all(folder_); }
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;

    const std::string& folder() const { return folder_; }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
        std::ofstream(path(name)) << text;
        REQUIRE(::chmod(path(name).c_str(), mode) == 0);
    }
    std::string text(const std::string& name) const { return read_text(path(name)); }

    /// `body` is shell, after which the agent does what a good one does. $input, $action and $lab are set; `say` gives
    /// the status and ends.
    void agent(const std::string& name, const std::string& body = "") const {
        write(name,
              "#!/bin/sh\nlab=" + folder_ + "\ninput=$(cat)\n" +
                  "action=$(printf '%s\\n' \"$input\" | sed -n 's/^action=//p')\n" +
                  "say() { [ \"$1\" = on ] && { echo 'Status: ON'; exit 0; }; echo 'Status: OFF'; exit 2; }\n" +
                  "echo \"$action\" >>$lab/calls\n" + body +
                  "\ncase $action in\n  status) say \"$(cat $lab/power)\" ;;\n"
                  "  on|off) echo $action >$lab/power; echo Success ;;\nesac\n",
              0700);
    }
    void set(const std::string& power) const { write("power", power); }
    /// What the agents were asked for, in a line.
    std::string calls() const {
        std::istringstream lines(text("calls"));
        std::string all;
        for (std::string line; std::getline(lines, line);) all += (all.empty() ? "" : " ") + line;
        return all;
    }
    std::size_t count(const std::string& call) const {
        std::istringstream lines(text("calls"));
        std::size_t found = 0;
        for (std::string line; std::getline(lines, line);) found += line == call;
        return found;
    }

    static power::Level level(const std::string& agent, Duration timeout = ample) {
        power::Level made;
        made.agent = agent;
        made.timeout = timeout;
        return made;
    }
    static power::PowerFile file_of(std::vector<power::Level> levels) {
        power::PowerFile file;
        file.hosts.push_back({{"host1"}, std::move(levels), {}, "none", {}});
        return file;
    }

    template <class T>
    T run(boost::asio::awaitable<T> task) {
        std::optional<T> result;
        start(std::move(task), result);
        run_until([&] { return result.has_value(); });
        return std::move(*result);
    }
    /// `done` has to come true by what is under way.
    template <class Condition>
    void run_until(Condition done) {
        io.restart();
        while (!done()) REQUIRE(io.run_one() > 0);
    }
    /// The result comes while the io_context runs.
    template <class T>
    void start(boost::asio::awaitable<T> task, std::optional<T>& result) {
        boost::asio::co_spawn(io, keep(std::move(task), result), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
    }

    boost::asio::io_context io{1};
    RealClock clock;
    service::Children children;
    power::Tools tools;

private:
    template <class T>
    static boost::asio::awaitable<void> keep(boost::asio::awaitable<T> task, std::optional<T>& result) {
        result.emplace(co_await std::move(task));
    }

    std::string folder_;
};

/// Gone, or dead and only not waited for yet; soon, as a signal takes a moment to arrive.
inline bool is_dead(const std::string& pid) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const std::string stat = read_text("/proc/" + pid + "/stat");
        if (stat.empty() || stat.find(") Z ") != std::string::npos) return true;
        ::usleep(5000);
    }
    return false;
}

}  // namespace ballast::test
