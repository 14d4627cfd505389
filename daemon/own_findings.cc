#include "daemon/own_findings.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "cluster/keys.h"
#include "daemon/findings_json.h"
#include "daemon/health_record.h"

namespace ballast::daemon {

namespace json = boost::json;

namespace {

constexpr Duration broker_asked_every = std::chrono::seconds{30};  // as the leader asks its own

config::DaemonOptions only(const config::DaemonOptions& options, const HostId& own) {
    config::DaemonOptions one = options;
    std::erase_if(one.hosts, [&](const config::HostOptions& host) { return host.id != own; });
    return one;
}

// Until every look that may count has ended as often as it takes to count.
Duration time_to_settle(const config::HealthWatchOptions& options) {
    unsigned looks = looks_needed(HealthSource::unread);
    Duration longest = options.deadline;
    for (const config::HealthCheck& check : options.checks) {
        looks = std::max(looks, check.after);
        longest = std::max(longest, check.deadline);
    }
    return options.interval * looks + longest;
}

}  // namespace

OwnFindings::OwnFindings(boost::asio::any_io_executor executor, Clock& clock, Store& store, HealthWatch::Runner runner,
                         PowerControl& broker, const config::DaemonOptions& options, HostId own, std::string boot,
                         std::function<std::optional<Revision>()> incarnation)
    : executor_(executor),
      clock_(clock),
      store_(store),
      broker_(broker),
      own_(own),
      settles_within_(time_to_settle(options.health)),
      teller_(executor, clock, store, own, std::move(incarnation), [this] { return compose(); }),
      health_(executor, clock, std::move(runner), only(options, own), listener()) {
    report_.boot_id = std::move(boot);
}

void OwnFindings::start() {
    boost::asio::co_spawn(executor_, inherit(), boost::asio::detached);
    boost::asio::co_spawn(executor_, ask_broker(), boost::asio::detached);
}

// A process that has just begun has seen nothing: what the one before it told is true until this one knows better.
boost::asio::awaitable<void> OwnFindings::inherit() {
    std::string key = cluster::findings_key(own_);
    const auto before = co_await store_.get(std::move(key));
    if (before && *before) {
        boost::system::error_code failure;
        const json::value value = json::parse((*before)->value, failure);
        if (!failure && value.is_object()) inherited_ = findings_from(value.get_object()).problems;
    }
    health_.start();
    boost::asio::co_spawn(executor_, teller_.run(), boost::asio::detached);
    const Duration settle = settles_within_;
    co_await clock_.sleep_for(settle);
    inherited_.clear();
    teller_.changed();
}

// The file of the broker may be edited at any time.
boost::asio::awaitable<void> OwnFindings::ask_broker() {
    for (;;) {
        const auto known = co_await broker_.hosts();
        auto now = known ? *known : std::vector<PowerHost>();
        if (now != power_) {
            power_ = std::move(now);
            teller_.changed();
        }
        co_await clock_.sleep_for(broker_asked_every);
    }
}

HealthListener OwnFindings::listener() {
    HealthListener listener;
    listener.changed = [this](const HostId&, const std::vector<HealthProblem>& problems) {
        problems_ = problems;
        teller_.changed();
    };
    listener.unread = [](const HostId& host, const std::string& why) {
        spdlog::info("{}: not looked at: {}", host.value, why);
    };
    listener.reported = [this](const HostId&, const health::Report& report) {
        if (report.energy.empty() || !report.uptime_s) return;
        report_.energy = report.energy;
        report_.uptime_s = report.uptime_s;
    };
    listener.answers = [](const HostId&) { return true; };  // it is this machine
    return listener;
}

void OwnFindings::configured(std::string digest) {
    if (configuration_ == digest) return;
    configuration_ = std::move(digest);
    teller_.changed();
}

std::vector<HealthProblem> OwnFindings::problems() const {
    return together({problems_, inherited_});
}

json::object OwnFindings::compose() const {
    Findings findings;
    findings.problems = problems();
    findings.report = report_;
    findings.power = power_;
    findings.configuration = configuration_;
    findings.version = BALLAST_VERSION;
    findings.time_s = std::chrono::duration<double>(clock_.wall_now().time_since_epoch()).count();
    return to_json(findings);
}

}  // namespace ballast::daemon
