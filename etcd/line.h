// Calls that must happen in the order they were made: a place in the line each, and only the first one goes on.
// On the io_context's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>

#include "model/units.h"

namespace ballast::etcd {

class Line {
public:
    explicit Line(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// A place at the end of the line, from its construction to its destruction. The line outlives it.
    class Place {
    public:
        explicit Place(Line& line);
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        /// Waits until all before it have left. False: `longest` has passed first, or the line was closed.
        boost::asio::awaitable<bool> turn(Duration longest);

    private:
        bool first() const { return line_.waiting_.front() == wake_; }

        Line& line_;
        std::shared_ptr<boost::asio::steady_timer> wake_;
    };

    std::size_t length() const { return waiting_.size(); }
    void close();

private:
    boost::asio::any_io_executor executor_;
    std::deque<std::shared_ptr<boost::asio::steady_timer>> waiting_;
    bool closed_ = false;
};

}  // namespace ballast::etcd
