// What every store test needs: an io_context, a virtual clock, a directory of its own, and a way to wait for answers.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <unistd.h>

#include "store/embedded_store.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

/// A directory that is gone with the object. In memory where that is possible: an fsync of a busy disk takes seconds,
/// and what it is needed for is tested by power_cut_test.cc.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        const bool in_memory = ::access("/dev/shm", W_OK) == 0 && !::getenv("TMPDIR");
        const std::filesystem::path parent = in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
        std::string pattern = parent / "ballast-store-XXXXXX";
        BALLAST_ASSERT(::mkdtemp(pattern.data()));
        path_ = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

/// Longest real time a test waits for an answer: far beyond any disk, so that only a lost answer reaches it.
inline constexpr auto patience = std::chrono::seconds(60);

/// Runs the io_context until the condition holds.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= give_up) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

/// Starts a call; its answer arrives in the returned place.
template <class T>
std::shared_ptr<std::optional<Result<T>>> start(boost::asio::io_context& io, boost::asio::awaitable<Result<T>> call) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    boost::asio::co_spawn(io, std::move(call), [answer](std::exception_ptr bug, Result<T> result) {
        BALLAST_ASSERT(!bug);
        *answer = std::move(result);
    });
    return answer;
}

/// Runs the io_context until the call has answered.
template <class T>
Result<T> wait(boost::asio::io_context& io, boost::asio::awaitable<Result<T>> call) {
    const auto answer = start(io, std::move(call));
    BALLAST_ASSERT(run_until(io, [&] { return answer->has_value(); }));
    return std::move(**answer);
}

inline Change put(std::string key, std::string value, LeaseId lease = 0) {
    return {Change::Kind::put, std::move(key), std::move(value), lease};
}
inline Change erase(std::string key) {
    return {Change::Kind::erase, std::move(key), {}, 0};
}
inline Change erase_prefix(std::string prefix) {
    return {Change::Kind::erase_prefix, std::move(prefix), {}, 0};
}

inline Transaction transaction(std::vector<Change> changes) {
    return {{}, std::move(changes)};
}

}  // namespace ballast::test
