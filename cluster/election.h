// Which of the members leads: whoever puts the leader's key first, for as long as it keeps it. The key's create
// revision is the term: everything that a leader changes is guarded by it (TermStore), so that one which was deposed
// without having noticed changes nothing. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <string>

#include "cluster/leased_key.h"

namespace ballast::cluster {

class Election {
public:
    /// `member` stands in the key's value, for people.
    Election(boost::asio::any_io_executor executor, Clock& clock, Store& store, std::string member,
             Duration time_to_live);

    /// Waits until this member leads; its term. Errors of the store only delay it.
    boost::asio::awaitable<Revision> win();
    /// Keeps the term; returns when it is over, or cannot be kept in time. What was begun in it is void from then on.
    boost::asio::awaitable<void> keep() { return key_.keep(); }
    /// Steps down, so that another one is elected at once. Errors: the store's; the term ends by itself then.
    boost::asio::awaitable<Result<void>> resign();

    /// The term while it is certain: asked right before anything that no guard of the store protects.
    std::optional<Revision> term() const { return key_.held(); }

private:
    boost::asio::awaitable<bool> seems_free();
    boost::asio::awaitable<void> until_free();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    std::string member_;
    LeasedKey key_;
};

}  // namespace ballast::cluster
