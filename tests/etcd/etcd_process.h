// A real etcd of one or several members on loopback, for as long as the object lives. Its data is in memory.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "tests/store/store_fixture.h"

namespace ballast::test {

using Words = std::vector<std::string>;

/// The words for execv.
inline std::vector<char*> pointers(const Words& words) {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return arguments;
}

/// A program that dies with us, whatever becomes of us.
class Process {
public:
    Process(Words words, const std::string& log) {
        const Words with_us = {"setpriv", "--pdeathsig", "KILL"};
        words.insert(words.begin(), with_us.begin(), with_us.end());
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        BALLAST_ASSERT(posix_spawnp(&pid_, "setpriv", &actions, nullptr, pointers(words).data(), environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
    }
    ~Process() { kill(); }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void signal(int number) const { ::kill(pid_, number); }
    /// As a power cut would; gone when this returns.
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

private:
    pid_t pid_ = 0;
};

/// The standard output of a program that must succeed.
inline std::string output_of(const std::string& command) {
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    BALLAST_ASSERT(pipe);
    std::string output;
    std::array<char, 4096> part{};
    while (const auto length = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), length);
    const int status = ::pclose(pipe);
    if (status != 0) FAIL(command << ": " << output);
    return output;
}

/// Free at the moment.
inline unsigned short free_port() {
    boost::asio::io_context io;
    using boost::asio::ip::tcp;
    return tcp::acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
}

inline bool accepts(unsigned short port) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket socket(io);
    boost::system::error_code failure;
    socket.connect({boost::asio::ip::address_v4::loopback(), port}, failure);
    return !failure;
}

struct EtcdSetup {
    std::size_t members = 1;
    Words arguments{};              // to each of them
    std::string scheme = "http";    // of clients
    std::string token = "ballast";  // a cluster with another one has another id
};

class Etcd {
public:
    explicit Etcd(EtcdSetup setup = {}) : setup_(std::move(setup)), processes_(setup_.members) {
        for (std::size_t i = 0; i < setup_.members; ++i) {
            clients_.push_back(free_port());
            peers_.push_back(free_port());
        }
        for (std::size_t i = 0; i < setup_.members; ++i) start(i);
        for (std::size_t i = 0; i < setup_.members; ++i) await(i);
    }

    Words endpoints() const {
        Words all;
        for (const auto port : clients_) all.push_back(setup_.scheme + "://127.0.0.1:" + std::to_string(port));
        return all;
    }
    unsigned short port(std::size_t member = 0) const { return clients_[member]; }

    void start(std::size_t member) {
        const std::string name = "m" + std::to_string(member);
        const std::string client = endpoints()[member], peer = peer_of(member);
        Words words = {"etcd", "--name=" + name, "--data-dir=" + (directory_ / name), "--listen-client-urls=" + client,
                       "--advertise-client-urls=" + client, "--listen-peer-urls=" + peer,
                       "--initial-advertise-peer-urls=" + peer, "--initial-cluster=" + cluster(),
                       "--initial-cluster-token=" + setup_.token,
                       // Leases of a second, and elections within one.
                       "--heartbeat-interval=50", "--election-timeout=500"};
        words.insert(words.end(), setup_.arguments.begin(), setup_.arguments.end());
        processes_[member] = std::make_unique<Process>(std::move(words), directory_ / (name + ".log"));
    }
    /// Until it listens.
    void await(std::size_t member) const {
        for (int i = 0; i < 1000 && !accepts(clients_[member]); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (!accepts(clients_[member])) FAIL("etcd does not start: " << log(member));
    }
    void restart(std::size_t member = 0) {
        start(member);
        await(member);
    }
    void kill(std::size_t member = 0) { processes_[member]->kill(); }
    void signal(int number, std::size_t member = 0) const { processes_[member]->signal(number); }
    /// What it had is gone. Requires that it was killed.
    void wipe(std::size_t member = 0) const {
        std::filesystem::remove_all(directory_ / ("m" + std::to_string(member)));
    }
    void set_token(std::string token) { setup_.token = std::move(token); }

    std::string ctl(const std::string& arguments, std::size_t member = 0) const {
        return output_of("ETCDCTL_API=3 etcdctl --endpoints=" + endpoints()[member] + " " + arguments);
    }
    /// The number of the member that leads.
    std::size_t leader() const {
        for (std::size_t i = 0; i < setup_.members; ++i)
            if (ctl("endpoint status", i).find(", true, ") != std::string::npos) return i;
        FAIL("nobody leads");
        return 0;
    }
    std::string operator/(const std::string& name) const { return directory_ / name; }

private:
    std::string peer_of(std::size_t member) const { return "http://127.0.0.1:" + std::to_string(peers_[member]); }
    std::string cluster() const {
        std::string all;
        for (std::size_t i = 0; i < setup_.members; ++i)
            all += (i == 0 ? "m" : ",m") + std::to_string(i) + "=" + peer_of(i);
        return all;
    }
    std::string log(std::size_t member) const {
        std::ifstream in(directory_ / ("m" + std::to_string(member) + ".log"));
        return {std::istreambuf_iterator<char>(in), {}};
    }

    TemporaryDirectory directory_;
    EtcdSetup setup_;
    std::vector<unsigned short> clients_, peers_;
    std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace ballast::test
