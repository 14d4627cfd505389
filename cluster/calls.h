// Calls from the leader to the agents of hosts, through the store: there is no other way between daemons, so nothing
// more to secure. One io_context thread.
//
// A call is a key that the leader puts in its term. The agent carries out what only looks, as it comes. What changes
// something it claims first, in one transaction that requires the call unchanged, the leader's term, and its own
// registration: so nothing is begun for a leader that was deposed, nor by an agent whose host is being cut off. Then it
// acts, and puts the answer and erases the call together.
//
// What has been claimed may happen at any time until its answer is there, whoever leads by then: a later look at the
// same VM waits for it in the agent (agent.h). What has not been claimed is taken back when its time is over, and never
// happens. Both sides read again what events may have missed.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/ids.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

/// What has to be the case when a call is claimed, beside the leader's term.
struct Condition {
    std::string key, value;

    friend bool operator==(const Condition&, const Condition&) = default;
};

struct Call {
    std::string method;
    boost::json::object arguments;
    bool changes = false;  // claimed before it is begun
    Revision term = 0;
    Revision claimed_by = 0;  // the agent's incarnation; 0: not claimed
    std::optional<Condition> only_while{};
};
std::string to_text(const Call& call);
/// Error corrupt.
Result<Call> call_from(const std::string& text);

/// The error code that to_string() calls so.
std::optional<ErrorCode> error_code_from(const std::string& name);

using Answer = Result<boost::json::value>;
std::string to_text(const Answer& answer);
/// The answer that the text tells of; an error of code corrupt when it tells of none.
Answer answer_from(const std::string& text);

/// The leader's side.
class Caller {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    /// `store` is the term's: what is written through it is guarded.
    Caller(boost::asio::any_io_executor executor, Clock& clock, Store& store, Revision term)
        : executor_(std::move(executor)), clock_(clock), store_(store), term_(term) {}

    /// Removes what earlier terms have left and nobody has claimed, and begins to listen. Call it once, first. Errors:
    /// the store's.
    Task<void> start();

    /// What the host's agent answers within this time. Errors: the agent's own; unavailable: it was not begun and never
    /// will be; timed_out: it may have happened, may be under way, or may yet happen. After that one the next call to
    /// the same host is not sent before it is certain that this one is claimed or void.
    Task<boost::json::value> call(HostId host, std::string method, boost::json::object arguments, bool changes,
                                  Duration within);
    /// The same of a call that changes something, and is claimed only while the condition holds.
    Task<boost::json::value> call_while(Condition condition, HostId host, std::string method,
                                        boost::json::object arguments, Duration within);

private:
    struct Pending;
    using PendingPtr = std::shared_ptr<Pending>;
    enum class Fate { answered, claimed, void_, unknown };

    Task<void> sweep(std::string prefix);
    Task<boost::json::value> send(HostId host, Call call, Duration within);
    boost::asio::awaitable<bool> place(PendingPtr pending, std::string text);
    boost::asio::awaitable<void> await_answer(PendingPtr pending, Instant until);
    boost::asio::awaitable<bool> read_answer(PendingPtr pending);
    boost::asio::awaitable<Fate> settle(PendingPtr pending);
    boost::asio::awaitable<Fate> settle_once(PendingPtr pending);
    boost::asio::awaitable<bool> settle_all(HostId host);
    void forget(PendingPtr pending);
    void watch_answers(Revision after);
    void heard(const std::vector<WatchEvent>& events);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    Revision term_;
    std::uint64_t last_ = 0;
    std::map<std::string, PendingPtr> pending_;            // by the key of the answer
    std::map<HostId, std::vector<PendingPtr>> unsettled_;  // nobody knows what became of them
    std::unique_ptr<WatchHandle> watching_;
};

/// To be awaited right before something is changed, once: true when it may be. Nothing that a call only looks at needs
/// it. `also`: what has to hold besides in the moment of the claim.
using Claim = std::function<boost::asio::awaitable<bool>(std::vector<Compare> also)>;
/// What an agent does with a call. It may be called again before it has returned. One that changes a VM makes later
/// looks at it wait from before its claim on.
using Handler = std::function<boost::asio::awaitable<Answer>(Call, Claim)>;

/// The agent's side, of one host.
class Callee {
public:
    /// `incarnation`: of the host's registration, while it is certain.
    Callee(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host,
           std::function<std::optional<Revision>()> incarnation, Handler handler);

    /// Serves until the executor stops. What a process before this one had claimed and not answered is answered with
    /// timed_out.
    boost::asio::awaitable<void> run();

private:
    struct Serving;
    using ServingPtr = std::shared_ptr<Serving>;

    boost::asio::awaitable<Result<Revision>> read_all(bool fresh);
    void begin(const KeyValue& entry);
    boost::asio::awaitable<void> serve(ServingPtr serving);
    boost::asio::awaitable<bool> claim(ServingPtr serving, std::vector<Compare> also);
    boost::asio::awaitable<std::optional<bool>> claim_once(ServingPtr serving, std::string text,
                                                           std::vector<Compare> also);
    boost::asio::awaitable<void> answer(ServingPtr serving, Answer answer);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    HostId host_;
    std::function<std::optional<Revision>()> incarnation_;
    Handler handler_;
    std::map<std::string, ServingPtr> serving_;  // by the call's key
    std::unique_ptr<WatchHandle> watching_;
};

}  // namespace ballast::cluster
