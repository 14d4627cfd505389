#include "etcd/completions.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <grpc/support/log.h>

namespace ballast::etcd {

namespace {

// gRPC would write to the standard error what callers are told anyway, once for every try.
void stay_silent(gpr_log_func_args*) {}

}  // namespace

Completions::Completions(boost::asio::any_io_executor executor)
    : executor_(std::move(executor)), thread_([this] { carry(); }) {
    gpr_set_log_function(stay_silent);
}

void Completions::close() {
    if (closed_) return;
    closed_ = true;
    for (grpc::ClientContext* context : *contexts_) context->TryCancel();
    queue_.Shutdown();
    thread_.join();
}

void Completions::carry() {
    void* next = nullptr;
    bool ok = false;
    while (queue_.Next(&next, &ok)) {
        // Owned from here on by the handler, also when the io_context never runs it.
        auto tag = std::unique_ptr<Step::Tag>(static_cast<Step::Tag*>(next));
        boost::asio::post(executor_, [tag = std::move(tag), ok] {
            tag->state->ok = ok;
            tag->state->ended.cancel();
        });
    }
}

Call::Call(Completions& completions) : contexts_(completions.contexts()) {
    contexts_->insert(&context);
}

Call::~Call() {
    contexts_->erase(&context);
}

Step::Step(Completions& completions, std::shared_ptr<void> keeps)
    : state_(std::make_shared<State>(
          boost::asio::steady_timer(completions.executor(), boost::asio::steady_timer::time_point::max()))),
      keeps_(std::move(keeps)) {}

void* Step::tag() {
    return new Tag{state_, std::move(keeps_)};
}

boost::asio::awaitable<bool> Step::done() {
    boost::system::error_code ignored;
    while (!state_->ok) co_await state_->ended.async_wait(redirect_error(boost::asio::use_awaitable, ignored));
    co_return *state_->ok;
}

}  // namespace ballast::etcd
