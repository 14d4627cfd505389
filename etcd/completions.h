// Where gRPC's calls end: a completion queue, and one thread that only carries what happened to the io_context.
//
// Everything here is used on the io_context's thread; the thread of the queue touches nothing but the queue and the
// executor. It sleeps in the kernel while nothing happens.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <memory>
#include <optional>
#include <set>
#include <thread>

namespace ballast::etcd {

class Completions {
public:
    using Contexts = std::set<grpc::ClientContext*>;

    explicit Completions(boost::asio::any_io_executor executor);
    ~Completions() { close(); }
    Completions(const Completions&) = delete;
    Completions& operator=(const Completions&) = delete;

    /// Cancels every call and waits until gRPC has let go of all of them, which it does at once. No operation may be
    /// begun from then on.
    void close();
    bool closed() const { return closed_; }

    grpc::CompletionQueue* queue() { return &queue_; }
    const boost::asio::any_io_executor& executor() const { return executor_; }
    /// Of the calls under way; shared with them, because they may outlive this.
    const std::shared_ptr<Contexts>& contexts() const { return contexts_; }

private:
    void carry();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<Contexts> contexts_ = std::make_shared<Contexts>();
    bool closed_ = false;
    grpc::CompletionQueue queue_;
    std::thread thread_;  // last: it uses all of the above
};

/// The context of one call, known to Completions for as long as it lives.
class Call {
public:
    explicit Call(Completions& completions);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    grpc::ClientContext context;

private:
    std::shared_ptr<Completions::Contexts> contexts_;
};

/// One operation that gRPC is asked for, and the wait for its end. `keeps`, what gRPC reads and writes meanwhile, lives
/// until then in any case.
class Step {
public:
    Step(Completions& completions, std::shared_ptr<void> keeps);

    /// To be handed to gRPC, exactly once.
    void* tag();
    /// What the queue says of it: whether there was something to read, or whether it was sent.
    boost::asio::awaitable<bool> done();

private:
    friend class Completions;
    struct State {
        boost::asio::steady_timer ended;  // never expires: used as an event
        std::optional<bool> ok;
    };
    struct Tag {
        std::shared_ptr<State> state;
        std::shared_ptr<void> keeps;
    };

    std::shared_ptr<State> state_;
    std::shared_ptr<void> keeps_;
};

}  // namespace ballast::etcd
