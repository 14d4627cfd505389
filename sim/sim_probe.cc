#include "sim/sim_probe.h"

namespace ballast::sim {

namespace {
constexpr Duration answer_takes{1};
constexpr Duration patience = std::chrono::seconds{1};  // ports/probe.h
}  // namespace

Probe::Task<void> SimProbe::reach(HostId host) {
    if (crashes_.passes()) co_await crashes_.happens(io_);
    co_await clock_.sleep_for(answer_takes);
    const bool answers = from_ ? world_.reaches(*from_, host) : world_.reaches(host);
    if (answers) co_return Result<void>();
    co_await clock_.sleep_for(patience - answer_takes);
    co_return Error{ErrorCode::timed_out, host.value, "no answer within 1 s"};
}

}  // namespace ballast::sim
