#include "cluster/reports.h"

#include <algorithm>

#include "cluster/keys.h"

namespace ballast::cluster {

namespace {
// Events are hints: a report that none told of is found by reading.
constexpr Duration reports_read_again = std::chrono::seconds{15};
// From the sample to our seeing it: the commit of a busy etcd.
constexpr Duration told_within = std::chrono::seconds{1};
// What is due at about the same time is said together.
constexpr Duration together = std::chrono::milliseconds{500};
}  // namespace

Reports::Reports(boost::asio::any_io_executor executor, Clock& clock, Store& store, RemoteHypervisor& hypervisor,
                 Duration interval)
    : executor_(std::move(executor)),
      clock_(clock),
      hypervisor_(hypervisor),
      interval_(interval),
      follower_(clock, store, reports_prefix, {reports_read_again},
                {[this](const KeyValue& entry, Noticed how) { heard(entry, how); }}) {}

// An agent that has not told of a change by now had none when it looked last, which is at most so long ago.
Duration Reports::silence() const {
    return interval_ + told_within;
}

Duration Reports::overdue() const {
    return std::max(report_at_least, interval_) + silence();
}

void Reports::start(collectors::SamplerListener listener) {
    listener_ = std::move(listener);
    for (const HostId& host : hypervisor_.hosts()) told_[host].next = clock_.now() + interval_;
    hypervisor_.on_registration([this](const HostId& host) { serve(host); });
    boost::asio::co_spawn(executor_, follower_.run(), boost::asio::detached);
    boost::asio::co_spawn(executor_, speak_when_due(), boost::asio::detached);
}

// What was read was told at any time since the agent had something else to tell.
void Reports::heard(const KeyValue& entry, Noticed how) {
    const auto found = told_.find({entry.key.substr(std::string(reports_prefix).size())});
    if (found == told_.end()) return;
    Told& told = found->second;
    auto report = report_from(entry.value);
    const Instant as_of = how == Noticed::by_event ? clock_.now() : clock_.now() - silence();
    told.seen_at = clock_.now();
    told.as_of = std::max(told.as_of, as_of);
    told.problem = report ? "" : to_string(report.error());
    told.served = false;
    told.report.reset();
    if (report) told.report = std::move(*report);
    serve(found->first);
}

// It may have been seen before the registration that it is of.
void Reports::serve(const HostId& host) {
    Told& told = told_[host];
    if (told.served || !told.report || problem_of(host, told)) return;
    for (const auto& [source, problem] : told.report->sources)
        listener_.source_read(host, source, problem ? Result<void>(*problem) : Result<void>());
    told.served = true;
    told.next = told.as_of + silence() + interval_;
    if (!told.report->sample) return;
    told.report->sample->at = told.as_of;
    listener_.sampled(host, *told.report->sample);
}

// Why nothing is known of the host, if so.
std::optional<Error> Reports::problem_of(const HostId& host, const Told& told) const {
    const auto incarnation = hypervisor_.incarnation_of(host);
    if (!incarnation) return Error{ErrorCode::unavailable, host.value, "its agent is not registered"};
    if (!told.problem.empty()) return Error{ErrorCode::corrupt, host.value, told.problem};
    if (!told.report || told.report->by != *incarnation)
        return Error{ErrorCode::unavailable, host.value, "its agent has not reported yet"};
    if (clock_.now() - told.seen_at > overdue())
        return Error{ErrorCode::timed_out, host.value, "its agent does not report any more"};
    return std::nullopt;
}

void Reports::speak(const HostId& host) {
    Told& told = told_[host];
    told.next = clock_.now() + interval_;
    auto problem = problem_of(host, told);
    if (problem) told.served = false;
    if (!problem && told.report->sources.contains(collectors::libvirt_source))
        problem = told.report->sources.at(collectors::libvirt_source);
    listener_.source_read(host, collectors::libvirt_source, problem ? Result<void>(*problem) : Result<void>());
    if (problem || !told.served || !listener_.unchanged) return;
    told.as_of = std::max(told.as_of, clock_.now() - silence());
    listener_.unchanged(host, told.as_of);
}

boost::asio::awaitable<void> Reports::speak_when_due() {
    for (;;) {
        Instant next = clock_.now() + interval_;
        for (auto& [host, told] : told_) {
            if (told.next <= clock_.now()) speak(host);
            next = std::min(next, told.next);
        }
        next = std::max(next, clock_.now() + together);
        co_await clock_.sleep_until(next);
    }
}

}  // namespace ballast::cluster
