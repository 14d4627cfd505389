#include "service/logind.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/syslog.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <utility>

namespace ballast::service {

namespace {

constexpr const char* destination = "org.freedesktop.login1";
constexpr const char* path = "/org/freedesktop/login1";
constexpr const char* manager = "org.freedesktop.login1.Manager";
constexpr std::uint64_t call_deadline_us = 10'000'000;  // logind answers at once; sd-bus's default is 25 s

Error unavailable(const std::string& what) {
    return {ErrorCode::unavailable, "logind", what};
}
Error unavailable(int error) {
    return unavailable(std::strerror(-error));
}

Error error_of(const sd_bus_error& error) {
    const std::string name = error.name;
    const bool denied = name == SD_BUS_ERROR_ACCESS_DENIED || name == SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED;
    return {denied ? ErrorCode::refused : ErrorCode::unavailable, "logind",
            error.message != nullptr ? error.message : name};
}

sd_bus* open_system_bus() {
    sd_bus* bus = nullptr;
    return sd_bus_open_system(&bus) < 0 ? nullptr : bus;
}

}  // namespace

void Logind::MessageEnd::operator()(sd_bus_message* message) const {
    sd_bus_message_unref(message);
}

/// logind's answer ends it, or sd-bus itself: at the deadline, or with the connection.
struct Logind::Call {
    explicit Call(const boost::asio::any_io_executor& executor)
        : done(executor, boost::asio::steady_timer::time_point::max()) {}
    ~Call() { sd_bus_slot_unref(slot); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    static int ended(sd_bus_message* answer, void* data, sd_bus_error*) {
        auto* call = static_cast<Call*>(data);
        call->reply.reset(sd_bus_message_ref(answer));
        call->done.cancel();
        return 0;
    }

    sd_bus_slot* slot = nullptr;
    Message reply;
    boost::asio::steady_timer done;
};

struct Logind::Bus : std::enable_shared_from_this<Logind::Bus> {
    using Descriptor = boost::asio::posix::stream_descriptor;

    Bus(const boost::asio::any_io_executor& executor, sd_bus* connection, Logind& owner)
        : bus(connection), logind(&owner), descriptor(executor), timer(executor) {}
    ~Bus() {
        sd_bus_slot_unref(match);
        sd_bus_close_unref(bus);
    }
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    static int prepared(sd_bus_message* message, void* data, sd_bus_error*) {
        int begins = 0;
        auto* self = static_cast<Bus*>(data);
        if (sd_bus_message_read(message, "b", &begins) >= 0 && self->logind != nullptr)
            self->logind->preparing(begins != 0);
        return 0;
    }

    // Of a bus only what logind itself sent: others may emit a signal of the same name.
    int listen() {
        const int copy = ::fcntl(sd_bus_get_fd(bus), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) return -errno;
        descriptor.assign(copy);
        const char* sender = sd_bus_is_bus_client(bus) > 0 ? destination : nullptr;
        return sd_bus_match_signal_async(bus, &match, sender, path, manager, "PrepareForShutdown", &Bus::prepared,
                                         nullptr, this);
    }

    /// Handles what there is, then waits for more.
    void work() {
        if (logind == nullptr) return;
        int more = 1;
        while (more > 0) more = sd_bus_process(bus, nullptr);
        if (more < 0 || sd_bus_is_open(bus) <= 0) return end();
        const auto again = [self = weak_from_this()](boost::system::error_code failure) {
            if (const auto alive = self.lock(); alive && !failure) alive->work();
        };
        std::uint64_t until_us = UINT64_MAX;
        sd_bus_get_timeout(bus, &until_us);
        descriptor.cancel();
        timer.cancel();
        descriptor.async_wait(Descriptor::wait_read, again);
        if ((sd_bus_get_events(bus) & POLLOUT) != 0) descriptor.async_wait(Descriptor::wait_write, again);
        if (until_us == UINT64_MAX) return;
        timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(until_us)));
        timer.async_wait(again);
    }

    void end() {
        Logind* const told = std::exchange(logind, nullptr);
        descriptor.close();
        timer.cancel();
        if (told != nullptr) told->lost();
    }

    sd_bus* bus;
    Logind* logind;  // null once the connection has ended, or its owner
    sd_bus_slot* match = nullptr;
    Descriptor descriptor;
    boost::asio::steady_timer timer;  // CLOCK_MONOTONIC, as sd-bus counts
};

Logind::Logind(boost::asio::any_io_executor executor) : Logind(std::move(executor), open_system_bus) {}
Logind::Logind(boost::asio::any_io_executor executor, Open open)
    : executor_(std::move(executor)), open_(std::move(open)) {}

Logind::~Logind() {
    release();
    if (bus_) bus_->logind = nullptr;
}

Logind::Task<void> Logind::connect() {
    if (bus_) bus_->logind = nullptr;
    bus_.reset();
    sd_bus* const connection = open_();
    if (connection == nullptr) co_return unavailable("the system bus cannot be reached");
    bus_ = std::make_shared<Bus>(executor_, connection, *this);
    const int listening = bus_->listen();
    if (listening < 0) co_return unavailable(listening);
    bus_->work();
    const auto answer = co_await is_preparing();  // is anybody there?
    if (!answer) co_return answer.error();
    co_return Result<void>();
}

Logind::Message Logind::request(const char* interface, const char* method) const {
    sd_bus_message* message = nullptr;
    if (bus_) sd_bus_message_new_method_call(bus_->bus, &message, destination, path, interface, method);
    return Message(message);
}

Logind::Task<Logind::Message> Logind::ask(Message request) {
    const auto bus = bus_;
    if (!request || !bus || bus->logind == nullptr) co_return unavailable("it is not connected");
    Call call(executor_);
    const int sent = sd_bus_call_async(bus->bus, &call.slot, request.get(), &Call::ended, &call, call_deadline_us);
    if (sent < 0) co_return unavailable(sent);
    bus->work();
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    if (!call.reply) co_await call.done.async_wait(token);
    if (!call.reply) co_return unavailable("the connection has ended");
    if (const sd_bus_error* error = sd_bus_message_get_error(call.reply.get())) co_return error_of(*error);
    co_return std::move(call.reply);
}

Logind::Task<Logind::Message> Logind::property(const char* name, const char* type) {
    Message message = request("org.freedesktop.DBus.Properties", "Get");
    if (message) sd_bus_message_append(message.get(), "ss", manager, name);
    auto reply = co_await ask(std::move(message));
    if (!reply) co_return reply.error();
    const int entered = sd_bus_message_enter_container(reply->get(), SD_BUS_TYPE_VARIANT, type);
    if (entered <= 0) co_return unavailable(std::string("its ") + name + " makes no sense");
    co_return std::move(*reply);
}

Logind::Task<void> Logind::delay(std::string why) {
    if (lock_ >= 0) co_return Result<void>();
    Message message = request(manager, "Inhibit");
    if (message) sd_bus_message_append(message.get(), "ssss", "shutdown", "Ballast", why.c_str(), "delay");
    const auto reply = co_await ask(std::move(message));
    if (!reply) co_return reply.error();
    int lock = -1;
    const int read = sd_bus_message_read(reply->get(), "h", &lock);
    if (read <= 0) co_return unavailable("it gave no lock");
    release();
    lock_ = ::fcntl(lock, F_DUPFD_CLOEXEC, 0);  // the message's own goes with it
    if (lock_ < 0) co_return unavailable(-errno);
    co_return Result<void>();
}

void Logind::tell_users(const std::string& text) {
    ::sd_journal_send("MESSAGE=%s", text.c_str(), "PRIORITY=%i", LOG_EMERG, nullptr);
}

void Logind::release() {
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

Logind::Task<Duration> Logind::longest_delay() {
    const auto reply = co_await property("InhibitDelayMaxUSec", "t");
    if (!reply) co_return reply.error();
    std::uint64_t microseconds = 0;
    if (sd_bus_message_read(reply->get(), "t", &microseconds) <= 0) co_return unavailable("it did not say how long");
    co_return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double, std::micro>(static_cast<double>(microseconds)));
}

Logind::Task<bool> Logind::is_preparing() {
    const auto reply = co_await property("PreparingForShutdown", "b");
    if (!reply) co_return reply.error();
    int preparing_now = 0;
    if (sd_bus_message_read(reply->get(), "b", &preparing_now) <= 0) co_return unavailable("it did not say whether");
    co_return preparing_now != 0;
}

}  // namespace ballast::service
