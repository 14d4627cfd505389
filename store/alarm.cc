#include "store/alarm.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

namespace ballast::store {

namespace asio = boost::asio;

struct Alarm::Setting {
    Alarm* owner = nullptr;  // null: cancelled, or rung
    Instant when;
    asio::cancellation_signal cancel;
};

Alarm::Alarm(asio::any_io_executor executor, Clock& clock, std::function<void()> ring)
    : executor_(std::move(executor)), clock_(clock), ring_(std::move(ring)) {}

Alarm::~Alarm() {
    cancel();
}

void Alarm::cancel() {
    if (!setting_) return;
    const auto setting = std::exchange(setting_, nullptr);
    setting->owner = nullptr;
    setting->cancel.emit(asio::cancellation_type::all);
    // co_spawn passes the signal on by a handler that only has a pointer to it (Boost 1.81, co_spawn.hpp): when the
    // sleep has just ended by itself, nothing else would keep the signal alive until that handler has run.
    asio::post(executor_, [setting] {});
}

void Alarm::ring_by(Instant when) {
    if (setting_ && setting_->when <= when) return;
    cancel();
    setting_ = std::make_shared<Setting>();
    setting_->owner = this;
    setting_->when = when;
    // The completion handler keeps the signal alive until its slot is no longer used.
    const auto finished = [setting = setting_](std::exception_ptr bug) {
        if (bug) std::rethrow_exception(bug);
    };
    asio::co_spawn(executor_, sleep(setting_), asio::bind_cancellation_slot(setting_->cancel.slot(), finished));
}

asio::awaitable<void> Alarm::sleep(std::shared_ptr<Setting> setting) {
    if (!setting->owner) co_return;
    try {
        co_await setting->owner->clock_.sleep_until(setting->when);
    } catch (const boost::system::system_error&) {
        // Cancelled: the owner is null by now.
    }
    if (!setting->owner) co_return;
    Alarm& alarm = *setting->owner;
    alarm.setting_ = nullptr;
    alarm.ring_();
}

}  // namespace ballast::store
