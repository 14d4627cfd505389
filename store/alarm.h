// Rings at one point in time of a Clock. All calls and the ring on the io_context's thread; the clock outlives it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "ports/clock.h"

namespace ballast::store {

class Alarm {
public:
    Alarm(boost::asio::any_io_executor executor, Clock& clock, std::function<void()> ring);
    ~Alarm();
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    /// Rings once at `when` unless it is set to ring earlier than that already. Never rings from inside this call.
    void ring_by(Instant when);

private:
    struct Setting;
    static boost::asio::awaitable<void> sleep(std::shared_ptr<Setting> setting);
    void cancel();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    std::function<void()> ring_;
    std::shared_ptr<Setting> setting_;
};

}  // namespace ballast::store
