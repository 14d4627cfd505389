// Something to hang in: the work blocks its thread until the test lets it go.
#pragma once

#include <future>
#include <memory>

namespace ballast::test {

class Gate {
public:
    ~Gate() { open(); }
    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    std::shared_future<void> closed() const { return future_; }
    void open() {
        if (!opened_) promise_.set_value();
        opened_ = true;
    }

private:
    std::promise<void> promise_;
    std::shared_future<void> future_ = promise_.get_future().share();
    bool opened_ = false;
};

}  // namespace ballast::test
