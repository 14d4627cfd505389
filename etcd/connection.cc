#include "etcd/connection.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "etcd/keyspace.h"
#include "etcd/schema.h"

namespace ballast::etcd {
namespace {

Error cancelled() {
    return {ErrorCode::cancelled, "store", "is closing"};
}

/// What no other member and no second try would change.
bool is_final(const Error& error) {
    return error.code == ErrorCode::refused || error.code == ErrorCode::corrupt || error.code == ErrorCode::cancelled ||
           error.code == ErrorCode::invalid;
}

}  // namespace

Connection::Connection(Completions& completions, Clock& clock, const EtcdOptions& options, std::string schema_key,
                       std::unique_ptr<HistoryMark> mark, EtcdStore::Note note)
    : completions_(completions),
      clock_(clock),
      options_(options),
      schema_key_(std::move(schema_key)),
      mark_(std::move(mark)),
      note_(std::move(note)),
      search_ended_(completions.executor(), boost::asio::steady_timer::time_point::max()) {}

void Connection::close() {
    search_ended_.cancel();
}

Duration Connection::limit(Instant deadline, std::size_t parts) const {
    const auto part = options_.call_timeout / static_cast<Duration::rep>(parts);
    return std::clamp(left_until(deadline), Duration(1), part);
}

bool Connection::fit() const {
    // A connection that broke while nothing was under way: whatever is sent now is certain not to have happened there.
    return trusted_ && has_token_ && trusted_->channel->GetState(false) == GRPC_CHANNEL_READY;
}

Store::Task<MemberPtr> Connection::ready(Instant deadline) {
    boost::system::error_code ignored;
    while (searching_ && !completions_.closed())
        co_await search_ended_.async_wait(redirect_error(boost::asio::use_awaitable, ignored));
    if (completions_.closed()) co_return cancelled();
    if (fit()) co_return trusted_;
    // Whoever waited for a search that took all its time has no time for another one.
    if (left_until(deadline) <= Duration::zero()) co_return last_failure_;
    searching_ = true;
    auto found = co_await find(deadline);
    if (!found) last_failure_ = found.error();
    searching_ = false;
    search_ended_.cancel();
    co_return found;
}

Store::Task<MemberPtr> Connection::find(Instant deadline) {
    trusted_ = nullptr;
    std::optional<Error> told;
    for (;;) {
        auto found = co_await try_each(deadline);
        if (found || is_final(found.error())) co_return found;
        // A try that the deadline cut short says less than the one before.
        if (!told || left_until(deadline) > Duration::zero()) told = found.error();
        if (left_until(deadline) <= Duration::zero()) co_return *told;
        co_await pause();
        if (completions_.closed()) co_return cancelled();
    }
}

Store::Task<MemberPtr> Connection::try_each(Instant deadline) {
    if (auto loaded = load_members(); !loaded) co_return loaded.error();
    std::string reasons = std::exchange(left_because_, {});
    std::optional<Error> lost;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto member = members_[(first_ + i) % members_.size()];
        auto fine = co_await examine(member, deadline);
        if (completions_.closed()) co_return cancelled();
        if (fine) {
            first_ = (first_ + i) % members_.size();
            use(member, reasons);
            co_return trusted_;
        }
        // A member may be behind the others, or not belong to them: that history is lost is said when none is better.
        if (fine.error().code == ErrorCode::corrupt)
            lost = fine.error();
        else if (is_final(fine.error()))
            co_return fine.error();
        reasons += (reasons.empty() ? "" : "; ") + to_string(fine.error());
    }
    if (lost) co_return *lost;
    co_return Error{ErrorCode::unavailable, "etcd", "no member can be used: " + reasons};
}

Store::Task<void> Connection::examine(MemberPtr member, Instant deadline) {
    if (!has_token_) {
        auto authenticated = co_await authenticate(member, deadline);
        if (!authenticated) co_return authenticated.error();
    }
    const Revision newest = mark_->newest();
    const Duration longest = limit(deadline, members_.size());
    auto answer = co_await ask(completions_, member, range_method, read_key(schema_key_), longest, token_);
    if (is_token_rejected(answer.status)) {
        has_token_ = false;
        co_return Error{ErrorCode::unavailable, member->endpoint, answer.status.error_message()};
    }
    if (!answer.status.ok()) co_return error_of(answer.status, member->endpoint);
    co_return check(answer.response, newest);
}

Store::Task<void> Connection::authenticate(MemberPtr member, Instant deadline) {
    token_.clear();
    has_token_ = options_.user.empty();
    if (has_token_) co_return Result<void>();
    auto password = read_password(options_.password_file);
    if (!password) co_return password.error();
    api::AuthenticateRequest request;
    request.set_name(options_.user);
    request.set_password(*password);
    const Duration longest = limit(deadline, members_.size());
    auto answer = co_await ask(completions_, member, authenticate_method, request, longest, token_);
    // As etcd's own clients do: the administrator may switch authentication on and off while we run.
    const bool not_enabled = answer.status.error_code() == grpc::StatusCode::FAILED_PRECONDITION;
    if (!answer.status.ok() && !not_enabled) co_return error_of(answer.status, member->endpoint);
    token_ = answer.response.token();
    has_token_ = true;
    co_return Result<void>();
}

Result<void> Connection::check(const api::RangeResponse& response, Revision newest) {
    const auto& header = response.header();
    if (auto same = mark_->check(header.cluster_id(), header.revision(), newest); !same) return same;
    mark_->note(header.revision());
    return response.kvs().empty() ? Result<void>() : check_schema(response.kvs(0).value());
}

// Certificates are renewed while we run; the files are looked at whenever a member has to be found.
Result<void> Connection::load_members() {
    auto certificates = read_certificates(options_);
    if (!certificates && !members_.empty()) return {};
    if (!certificates) return certificates.error();
    if (*certificates == certificates_ && !members_.empty()) return {};
    auto members = members_of(options_, *certificates);
    if (!members) return members.error();
    certificates_ = std::move(*certificates);
    members_ = std::move(*members);
    return {};
}

void Connection::use(const MemberPtr& member, const std::string& reasons) {
    trusted_ = member;
    const std::string before = std::exchange(in_use_, member->endpoint);
    if (!before.empty() && before != in_use_) note_("now uses " + in_use_ + " instead of " + before + ": " + reasons);
}

void Connection::distrust(const Error& why) {
    trusted_ = nullptr;
    left_because_ = to_string(why);
    first_ = (first_ + 1) % members_.size();
}

void Connection::judge(const MemberPtr& member, const grpc::Status& status) {
    if (is_token_rejected(status))
        forget_token();
    else if (is_member_trouble(status) && trusted_ == member)
        distrust(error_of(status, member->endpoint));
}

}  // namespace ballast::etcd
