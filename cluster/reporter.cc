#include "cluster/reporter.h"

#include "cluster/keys.h"

namespace ballast::cluster {

Reporter::Reporter(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
                   collectors::SamplerOptions sampling, std::function<std::optional<Revision>()> incarnation)
    : executor_(std::move(executor)),
      clock_(clock),
      hypervisor_(hypervisor),
      store_(store),
      sampling_(std::move(sampling)),
      incarnation_(std::move(incarnation)) {}

void Reporter::start() {
    collectors::SamplerListener listener;
    listener.sampled = [this](const HostId&, const collectors::Sample& sample) { sampled(sample); };
    listener.source_read = [this](const HostId&, const std::string& source, const Result<void>& read) {
        source_read(source, read);
    };
    boost::asio::co_spawn(executor_, collectors::run_sampler(clock_, hypervisor_, sampling_, std::move(listener)),
                          boost::asio::detached);
}

void Reporter::sampled(const collectors::Sample& sample) {
    now_.sample = sample;
    consider();
}

// Without libvirt there will be no sample.
void Reporter::source_read(const std::string& source, const Result<void>& read) {
    now_.sources[source] = read ? std::nullopt : std::optional(read.error());
    if (read || source != collectors::libvirt_source) return;
    now_.sample.reset();
    consider();
}

void Reporter::consider() {
    if (telling_ || now_.sources.empty() || !is_due()) return;
    telling_ = true;
    now_.by = *incarnation_();
    boost::asio::co_spawn(executor_, tell(now_), boost::asio::detached);
}

bool Reporter::is_due() const {
    const auto incarnation = incarnation_();
    const bool has_looked = now_.sample || now_.sources.begin()->second;  // the first pass gives no sample
    if (!incarnation || !has_looked) return false;
    if (!told_ || told_->by != *incarnation || again_ || differ(*told_, now_)) return true;
    return clock_.now() + sampling_.interval > told_at_ + report_at_least;  // else the next pass would be too late
}

// That a VM is gone counts once it was missed twice: the next pass is told as well. What could not be told differs
// still at the next pass.
boost::asio::awaitable<void> Reporter::tell(Report report) {
    const Instant begun = clock_.now();
    Transaction put;
    put.guards.push_back({Compare::Kind::create_revision_is, agent_key(sampling_.host), report.by, {}});
    put.changes.push_back({Change::Kind::put, report_key(sampling_.host), to_text(report), 0});
    const auto commit = co_await store_.commit(std::move(put));
    if (commit && commit->committed) {
        again_ = !told_ || told_->by != report.by || vms_differ(*told_, report);
        told_ = std::move(report);
        told_at_ = begun;
    }
    telling_ = false;
}

}  // namespace ballast::cluster
