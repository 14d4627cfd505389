#include "daemon/health_watch.h"

#include <algorithm>

#include "daemon/health_commands.h"

namespace ballast::daemon {

namespace asio = boost::asio;

namespace {

// A disk's own verdict changes over days, and each disk has to be asked for it [smartd(8) asks every 30 minutes].
constexpr Duration smart_interval = std::chrono::minutes{5};
// A restart of libvirtd is one fault; three within ten minutes are no accident.
constexpr std::size_t most_faults = 3;
constexpr Duration fault_window = std::chrono::minutes{10};

// A shell's 127 says that there is no such program [POSIX.1-2017, Shell and Utilities, 2.8.2].
std::string how_it_failed(const service::Ended& ended) {
    return failure_of(ended) + (*ended.exit_code == 127 ? "; is Ballast installed there?" : "");
}

}  // namespace

HealthWatch::HealthWatch(asio::any_io_executor executor, Clock& clock, Runner runner,
                         const config::DaemonOptions& options, HealthListener listener)
    : executor_(std::move(executor)),
      clock_(clock),
      runner_(std::move(runner)),
      options_(options.health),
      listener_(std::move(listener)) {
    for (const config::HostOptions& host : options.hosts)
        hosts_.emplace(host.id, Watched{host, HealthRecord(options_.clear_after)});
}

// Looks at many hosts are spread over the interval: each begins with a process, and over ssh with cryptography.
void HealthWatch::start() {
    const auto begin = [this](const HostId& host, Look look, std::size_t index, Duration gap, Duration first) {
        asio::co_spawn(executor_, repeat(host, look, index, gap, first), asio::detached);
    };
    std::size_t position = 0;
    for (const auto& [id, watched] : hosts_) {
        const Duration first = options_.interval * position++ / hosts_.size();
        if (probe_command(options_, watched.options, false))
            begin(id, &HealthWatch::probe, 0, options_.interval, first);
        if (probe_command(options_, watched.options, true)) begin(id, &HealthWatch::smart, 0, smart_interval, first);
        for (std::size_t index = 0; index < options_.checks.size(); ++index) {
            const auto& only = options_.checks[index].hosts;
            if (only.empty() || std::find(only.begin(), only.end(), id) != only.end())
                begin(id, &HealthWatch::check, index, options_.interval, first);
        }
    }
}

asio::awaitable<void> HealthWatch::repeat(HostId host, Look look, std::size_t index, Duration gap, Duration first) {
    co_await clock_.sleep_for(first);
    Instant next = clock_.now();
    for (;;) {
        if (listener_.answers(host)) co_await (this->*look)(host, index);
        next = std::max(next + gap, clock_.now());
        co_await clock_.sleep_until(next);
    }
}

asio::awaitable<void> HealthWatch::probe(HostId host, std::size_t) {
    return probe_for(std::move(host), false);
}

asio::awaitable<void> HealthWatch::smart(HostId host, std::size_t) {
    return probe_for(std::move(host), true);
}

asio::awaitable<void> HealthWatch::probe_for(HostId host, bool smart) {
    Watched& watched = hosts_.at(host);
    const WallTime begun = clock_.wall_now();
    auto command = probe_command(options_, watched.options, smart);
    const auto ended = co_await runner_(std::move(*command));
    const std::string origin = smart ? "disks" : "probe";
    std::string why = no_answer(ended, options_.deadline);
    if (why.empty() && ended->exit_code != 0) why = how_it_failed(*ended);
    if (why.empty())
        take_report(watched, origin, ended->output, begun);
    else
        took_no_answer(watched, origin, why);
    tell(watched);
}

asio::awaitable<void> HealthWatch::check(HostId host, std::size_t index) {
    Watched& watched = hosts_.at(host);
    const config::HealthCheck& check = options_.checks[index];
    const std::string origin = "check " + check.name;
    auto command = check_command(check, watched.options);
    const auto ended = co_await runner_(std::move(command));
    const std::string why = no_answer(ended, check.deadline);
    if (!why.empty()) {
        took_no_answer(watched, origin, why);
    } else {
        Seen seen;
        if (auto problem = verdict_of(check, *ended)) seen.emplace_back(std::move(*problem), check.after);
        took_answer(watched, origin, seen);
    }
    tell(watched);
}

void HealthWatch::take_report(Watched& watched, const std::string& origin, const std::string& text, WallTime begun) {
    const auto report = health::report_from(text);
    if (!report) return took_no_answer(watched, origin, report.error().message);
    listener_.reported(watched.options.id, *report);
    Seen seen;
    for (const HealthProblem& problem : report->problems) seen.emplace_back(problem, looks_needed(problem.source));
    for (HealthProblem& problem : watched.trends.judge(*report, clock_.now(), begun, clock_.wall_now()))
        seen.emplace_back(std::move(problem), looks_needed(problem.source));
    took_answer(watched, origin, seen, report->unread);
    for (const health::Unread& unread : report->unread)
        if (watched.unread.insert(to_string(unread.source) + unread.text).second)
            listener_.unread(watched.options.id, unread.text);
    // What does not answer, though it should, is told as a look that fails is; what merely cannot be had is not.
    const auto broken =
        std::find_if(report->unread.begin(), report->unread.end(), [](const auto& one) { return one.broken; });
    if (broken != report->unread.end()) took_no_answer(watched, origin, broken->text);
}

// What was seen before stays: nobody knows that it is over.
void HealthWatch::took_no_answer(Watched& watched, const std::string& origin, const std::string& why) {
    watched.record.looked(origin + " itself",
                          {{{HealthSource::unread, origin,
                             (origin == "disks" ? "SMART" : origin) + " was not read: " + health::tidy(why)},
                            looks_needed(HealthSource::unread)}});
}

void HealthWatch::took_answer(Watched& watched, const std::string& origin, const Seen& seen,
                              const std::vector<health::Unread>& unread) {
    watched.record.looked(origin, seen, unread);
    const bool broken = std::any_of(unread.begin(), unread.end(), [](const auto& one) { return one.broken; });
    if (!broken) watched.record.looked(origin + " itself", {});
}

void HealthWatch::libvirt_asked(const HostId& host, bool answered) {
    const auto found = hosts_.find(host);
    if (found == hosts_.end()) return;
    Watched& watched = found->second;
    auto& faults = watched.libvirt_faults;
    if (watched.libvirt_answered && !answered) faults.push_back(clock_.now());
    watched.libvirt_answered = answered;
    while (!faults.empty() && clock_.now() - faults.front() >= fault_window) faults.pop_front();
    while (faults.size() > most_faults) faults.pop_front();
    Seen seen;
    if (faults.size() == most_faults)
        seen.emplace_back(HealthProblem{HealthSource::libvirt, "libvirt",
                                        "its libvirt failed " + std::to_string(most_faults) + " times within " +
                                            to_string(fault_window)},
                          looks_needed(HealthSource::libvirt));
    watched.record.looked("libvirt", seen);
    tell(watched);
}

void HealthWatch::tell(Watched& watched) {
    auto now = watched.record.problems();
    if (now == watched.told) return;
    watched.told = std::move(now);
    listener_.changed(watched.options.id, watched.told);
}

}  // namespace ballast::daemon
