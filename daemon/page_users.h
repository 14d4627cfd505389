// Who may look at the page: names and hashed passwords (crypt(3)) from a file, which is read again when it has changed.
// Hashing takes long on purpose, so it has a thread of its own, and whoever was let in once is known by a digest then.
// One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <map>
#include <memory>
#include <string>
#include <sys/stat.h>

#include "daemon/page_reply.h"
#include "model/result.h"

namespace ballast::daemon {

using PageHashes = std::map<std::string, std::string>;  // by name
/// From lines NAME:HASH; empty lines and those that begin with # say nothing. Error invalid: `file` and the line.
Result<PageHashes> parse_page_users(const std::string& file, const std::string& text);
/// The hash of this password.
bool is_password_of(const std::string& hash, const std::string& password);

class PageUsers {
public:
    enum class Verdict { welcome, unknown, busy };

    /// Error invalid: it cannot be read, is open to others, or a line of it is wrong.
    static Result<std::unique_ptr<PageUsers>> open(const std::string& file);

    /// `busy`: too many strangers are being looked at.
    boost::asio::awaitable<Verdict> verdict(Login login);

private:
    using Digest = std::string;

    explicit PageUsers(std::string file);
    Result<void> read();
    void read_again_when_changed();
    Digest digest_of(const Login& login) const;

    // Whoever waits longer than for a few others would rather try again.
    static constexpr std::size_t most_waiting = 8;

    const std::string file_;
    struct stat read_as_ {};
    PageHashes hashes_;
    std::string secret_;                    // of the digests; of this process alone
    std::map<std::string, Digest> let_in_;  // by name
    std::size_t waiting_ = 0;
    boost::asio::thread_pool hashing_{1};
};

}  // namespace ballast::daemon
