// The connection to a cluster of etcd: one member at a time, another one when it fails, and the user's token.
//
// A member is used only after it has answered a linearizable read: so it has a quorum, accepts our certificate and our
// user, is of the right cluster, and has lost nothing. On the io_context's thread. Coroutines of it are awaited by
// those of the store's core, which keep it alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "etcd/credentials.h"
#include "etcd/errors.h"
#include "etcd/history_mark.h"

namespace ballast::etcd {

/// Whether what may have happened already may be asked for once more.
enum class Repeat { safe, never };

class Connection {
public:
    template <class T>
    using Task = Store::Task<T>;

    /// The options have their final form; `schema_key` is what a member is asked for to see whether it is fit.
    Connection(Completions& completions, Clock& clock, const EtcdOptions& options, std::string schema_key,
               std::unique_ptr<HistoryMark> mark, EtcdStore::Note note);

    /// One request and its answer, from whichever member is fit. What has not begun by the deadline will not happen.
    template <class Kind>
    Task<typename Kind::Response> call(Kind method, typename Kind::Request request, Instant deadline, Repeat repeat);

    /// A member that is fit. Errors as EtcdStore::open.
    Task<MemberPtr> ready(Instant deadline);
    /// What the failure of a call says about the member and the token.
    void judge(const MemberPtr& member, const grpc::Status& status);
    /// To be sent with requests to it; what etcd said of the last one decides whether it still counts.
    const std::string& token() const { return token_; }
    void forget_token() { has_token_ = false; }
    void tell(const std::string& trouble) { note_(trouble); }
    void note_revision(Revision revision) { mark_->note(revision); }

    Instant deadline() const { return clock_.now() + options_.call_timeout; }
    Duration left_until(Instant deadline) const { return deadline - clock_.now(); }
    /// Between two tries: short against an election, long against a round trip.
    boost::asio::awaitable<void> pause() { return clock_.sleep_for(options_.call_timeout / 50); }
    /// Before something is tried again that only people can mend.
    boost::asio::awaitable<void> long_pause() { return clock_.sleep_for(options_.call_timeout); }
    void close();

private:
    bool fit() const;
    Task<MemberPtr> find(Instant deadline);
    Task<MemberPtr> try_each(Instant deadline);
    Task<void> examine(MemberPtr member, Instant deadline);
    Task<void> authenticate(MemberPtr member, Instant deadline);
    Result<void> check(const api::RangeResponse& response, Revision newest);
    Result<void> load_members();
    /// For one try of `parts` that are to fit into a call.
    Duration limit(Instant deadline, std::size_t parts) const;
    void use(const MemberPtr& member, const std::string& reasons);
    void distrust(const Error& why);

    Completions& completions_;
    Clock& clock_;
    const EtcdOptions& options_;
    const std::string schema_key_;
    std::unique_ptr<HistoryMark> mark_;
    EtcdStore::Note note_;
    Certificates certificates_;
    std::vector<MemberPtr> members_;
    std::size_t first_ = 0;  // of members_, the one to begin with
    MemberPtr trusted_;      // null: to be found
    std::string in_use_;     // the endpoint of the last one found
    std::string left_because_;
    std::string token_;
    bool has_token_ = false;  // it may be empty: etcd has authentication switched off
    bool searching_ = false;
    Error last_failure_;                      // of a search
    boost::asio::steady_timer search_ended_;  // never expires: used as an event
};

/// Of reads, which are linearizable: some members have answered from what they were before [etcd issue 20418]. What
/// other calls answer is of the member's own.
inline bool is_of_the_past(const api::RangeResponse& response, Revision newest) {
    return response.header().revision() < newest;
}
template <class Response>
bool is_of_the_past(const Response&, Revision) {
    return false;
}

template <class Kind>
Store::Task<typename Kind::Response> Connection::call(Kind method, typename Kind::Request request, Instant deadline,
                                                      Repeat repeat) {
    for (;;) {
        if (left_until(deadline) <= Duration::zero())
            co_return Error{ErrorCode::timed_out, "etcd", "there was no time left; it did not happen"};
        auto member = co_await ready(deadline);
        if (!member) co_return member.error();
        const Revision newest = mark_->newest();
        // A read may still find another member when this one is silent.
        const Duration longest = limit(deadline, repeat == Repeat::safe && members_.size() > 1 ? 2 : 1);
        auto answer = co_await ask(completions_, *member, method, request, longest, token_);
        if (answer.status.ok() && is_of_the_past(answer.response, newest)) {
            co_await pause();
            continue;  // until there is no time left
        }
        if (answer.status.ok()) {
            note_revision(answer.response.header().revision());
            co_return std::move(answer.response);
        }
        const Error error = error_of(answer.status, (*member)->endpoint);
        if (completions_.closed()) co_return Error{ErrorCode::cancelled, "store", "is closing"};
        judge(*member, answer.status);
        const bool again =
            is_token_rejected(answer.status) || (repeat == Repeat::safe && is_member_trouble(answer.status));
        if (!again || left_until(deadline) <= Duration::zero()) co_return error;
        co_await pause();
    }
}

}  // namespace ballast::etcd
