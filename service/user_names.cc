#include "service/user_names.h"

#include <boost/asio.hpp>
#include <signal.h>
#include <system_error>
#include <thread>

namespace ballast::service {

namespace asio = boost::asio;

namespace {
constexpr auto wait_for = std::chrono::seconds{1};
constexpr auto known_for = std::chrono::minutes{10};
constexpr std::size_t most_looks = 64;  // each may be a thread that hangs

/// A thread that is begun while it lives gets none.
class NoSignals {
public:
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

private:
    sigset_t before_{};
};
}  // namespace

struct UserNames::Look {
    explicit Look(const asio::any_io_executor& executor) : ended(executor, wait_for) {}
    asio::steady_timer ended;  // when nobody waits any more: all who ask share it
    std::string name = "?";
    bool done = false;
    Steady::time_point begun = Steady::now();
};

UserNames::UserNames(asio::any_io_executor executor, std::function<std::string(uid_t)> look_up)
    : executor_(std::move(executor)), look_up_(std::move(look_up)) {}

bool UserNames::begin(uid_t uid, const std::shared_ptr<Look>& look) try {
    const NoSignals masked;  // they are the io_context's
    // What is of the io_context ends in its thread: by then this one may be all that keeps it.
    std::thread([uid, look, look_up = look_up_, work = asio::make_work_guard(executor_)]() mutable {
        auto name = look_up(uid);
        const asio::any_io_executor executor = work.get_executor();
        asio::post(executor, [look = std::move(look), work = std::move(work), name = std::move(name)] {
            look->name = name;
            look->done = true;
            look->ended.cancel();
        });
    }).detach();
    return true;
} catch (const std::system_error&) {
    return false;
}

asio::awaitable<std::string> UserNames::of(uid_t uid) {
    std::erase_if(looks_,
                  [](const auto& one) { return one.second->done && Steady::now() - one.second->begun > known_for; });
    auto& known = looks_[uid];
    if (!known && looks_.size() > most_looks) {
        looks_.erase(uid);
        co_return "?";
    }
    if (!known) {
        known = std::make_shared<Look>(executor_);
        if (!begin(uid, known)) {
            looks_.erase(uid);
            co_return "?";
        }
    }
    const std::shared_ptr<Look> look = known;
    auto token = asio::as_tuple(asio::use_awaitable);
    if (!look->done) co_await look->ended.async_wait(token);
    co_return look->name;
}

}  // namespace ballast::service
