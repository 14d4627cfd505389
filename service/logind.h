// systemd-logind on the system bus, by sd-bus. One io_context thread; nothing blocks but the connection's beginning,
// which is to a local socket. Destroy it only when the io_context will not run again.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>

#include "ports/shutdown.h"

struct sd_bus;
struct sd_bus_message;

namespace ballast::service {

class Logind : public Shutdown {
public:
    /// How to get a connection: null when there is none. The other end of one that is no bus is logind itself.
    using Open = std::function<sd_bus*()>;

    /// To the system bus.
    explicit Logind(boost::asio::any_io_executor executor);
    Logind(boost::asio::any_io_executor executor, Open open);
    ~Logind() override;
    Logind(const Logind&) = delete;
    Logind& operator=(const Logind&) = delete;

    Task<void> connect() override;
    Task<void> delay(std::string why) override;
    void release() override;
    /// By the journal, which writes what is an emergency to all terminals [journald.conf(5), ForwardToWall= and
    /// MaxLevelWall=]. logind's own wall message is set by whoever orders the shutdown, and only if polkit lets him.
    void tell_users(const std::string& text) override;
    Task<Duration> longest_delay() override;
    Task<bool> is_preparing() override;

private:
    struct Bus;   // one connection
    struct Call;  // one method call on it
    struct MessageEnd {
        void operator()(sd_bus_message* message) const;
    };
    using Message = std::unique_ptr<sd_bus_message, MessageEnd>;

    Message request(const char* interface, const char* method) const;
    Task<Message> ask(Message request);
    Task<Message> property(const char* name, const char* type);

    boost::asio::any_io_executor executor_;
    Open open_;
    std::shared_ptr<Bus> bus_;
    int lock_ = -1;  // a file descriptor: logind holds the shutdown until all copies of it are closed
};

}  // namespace ballast::service
