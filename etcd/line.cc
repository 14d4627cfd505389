#include "etcd/line.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace ballast::etcd {

Line::Place::Place(Line& line)
    : line_(line),
      wake_(std::make_shared<boost::asio::steady_timer>(line.executor_, boost::asio::steady_timer::time_point::max())) {
    line_.waiting_.push_back(wake_);
}

Line::Place::~Place() {
    const bool was_first = first();
    line_.waiting_.erase(std::find(line_.waiting_.begin(), line_.waiting_.end(), wake_));
    if (was_first && !line_.waiting_.empty()) line_.waiting_.front()->cancel();
}

boost::asio::awaitable<bool> Line::Place::turn(Duration longest) {
    if (first() && !line_.closed_) co_return true;
    wake_->expires_after(longest);
    boost::system::error_code ignored;
    co_await wake_->async_wait(redirect_error(boost::asio::use_awaitable, ignored));
    co_return first() && !line_.closed_;
}

void Line::close() {
    closed_ = true;
    for (const auto& wake : waiting_) wake->cancel();
}

}  // namespace ballast::etcd
