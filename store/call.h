// One call on its way to the worker thread and back. Lives on the io_context's thread; the worker only carries it
// and reads `abandoned`.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "model/result.h"
#include "model/units.h"

namespace ballast::store {

class PendingCall {
public:
    explicit PendingCall(Instant deadline) : deadline_(deadline) {}
    virtual ~PendingCall() = default;

    Instant deadline() const { return deadline_; }
    virtual bool finished() const = 0;
    /// Ends the wait. What has not begun on the worker by then will not begin.
    virtual void fail(Error error) = 0;
    bool abandoned() const { return abandoned_; }

protected:
    std::atomic<bool> abandoned_ = false;

private:
    const Instant deadline_;
};

template <class T>
class Call : public PendingCall {
public:
    Call(boost::asio::any_io_executor executor, Instant deadline)
        : PendingCall(deadline), done_(std::move(executor), boost::asio::steady_timer::time_point::max()) {}

    bool finished() const override { return result_.has_value(); }
    void fail(Error error) override {
        if (finished()) return;
        abandoned_ = true;
        finish(std::move(error));
    }
    /// Only the first end counts.
    void finish(Result<T> result) {
        if (finished()) return;
        result_ = std::move(result);
        done_.cancel();
    }

    static boost::asio::awaitable<Result<T>> outcome(std::shared_ptr<Call> call) {
        boost::system::error_code ignored;
        if (!call->finished()) co_await call->done_.async_wait(redirect_error(boost::asio::use_awaitable, ignored));
        if (!call->finished()) call->fail({ErrorCode::cancelled, "store", "the caller no longer waits"});
        co_return *call->result_;
    }

private:
    boost::asio::steady_timer done_;  // never expires: used as an event
    std::optional<Result<T>> result_;
};

}  // namespace ballast::store
