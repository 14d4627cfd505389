#include "cluster/findings.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "cluster/keys.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
constexpr Duration gather_findings = std::chrono::milliseconds{200};  // of looks that end together
constexpr Duration retry = std::chrono::seconds{1};
// Events are hints: what none told of is found by reading.
constexpr Duration findings_read_again = std::chrono::seconds{10};
}  // namespace

FindingsTeller::FindingsTeller(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host,
                               std::function<std::optional<Revision>()> incarnation,
                               std::function<json::object()> compose)
    : executor_(executor),
      clock_(clock),
      store_(store),
      host_(std::move(host)),
      incarnation_(std::move(incarnation)),
      compose_(std::move(compose)),
      wake_(executor, boost::asio::steady_timer::time_point::max()) {}

void FindingsTeller::changed() {
    due_ = true;
    wake_.cancel();
}

boost::asio::awaitable<void> FindingsTeller::run() {
    using namespace boost::asio::experimental::awaitable_operators;
    for (;;) {
        const bool told = co_await tell();
        const Duration pause = told ? findings_at_least : retry;
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        if (!told)
            co_await clock_.sleep_for(pause);
        else if (!due_)
            co_await (wake_.async_wait(token) || clock_.sleep_for(pause));
        co_await clock_.sleep_for(gather_findings);
    }
}

boost::asio::awaitable<bool> FindingsTeller::tell() {
    const auto incarnation = incarnation_();
    if (!incarnation) co_return false;
    due_ = false;
    Transaction put;
    put.guards.push_back({Compare::Kind::create_revision_is, agent_key(host_), *incarnation, {}});
    put.changes.push_back({Change::Kind::put, findings_key(host_), json::serialize(compose_()), 0});
    const auto commit = co_await store_.commit(std::move(put));
    co_return commit && commit->committed;
}

FindingsReader::FindingsReader(Clock& clock, Store& store, std::function<void(const HostId&, const Told&)> heard)
    : clock_(clock),
      heard_(std::move(heard)),
      follower_(clock, store, findings_prefix, {findings_read_again},
                {[this](const KeyValue& entry, Noticed how) { take(entry, how); }}) {}

void FindingsReader::take(const KeyValue& entry, Noticed how) {
    const HostId host{entry.key.substr(std::string(findings_prefix).size())};
    boost::system::error_code failure;
    const json::value value = json::parse(entry.value, failure);
    if (!failure && value.is_object()) heard_(host, {value.get_object(), clock_.now(), how == Noticed::by_event});
}

}  // namespace ballast::cluster
