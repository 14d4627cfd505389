// One simulated pre-copy migration with its fault: a chain of timed steps in a World.
#pragma once

#include "sim/world.h"

namespace ballast::sim {

class Migration : public std::enable_shared_from_this<Migration> {
public:
    Migration(World& world, MigrationRequest request, Fault fault, std::function<void(Result<void>)> ended);

    void begin();
    bool under_way() const { return phase_ != Phase::ended; }
    const MigrationRequest& request() const { return request_; }
    bool runs_on_source(const HostId& source, const VmId& vm) const {
        return under_way() && request_.from == source && request_.vm == vm;
    }

    /// Begins with what an interrupted post-copy has left to send.
    void resume_post_copy();

    // What clients ask of it.
    bool ignores_abort() const;
    Result<void> abort();
    void set_max_downtime(Duration downtime) { max_downtime_ = downtime; }
    Result<void> start_post_copy();

    /// What has not gone wrong yet will not.
    void disarm() { fault_ = Fault::none; }

    // What happens to the hosts it runs between.
    void libvirtd_stopped(const HostId& host);
    void libvirtd_back(const HostId& host);
    void host_lost(const HostId& host);  // power
    void separated();                    // the network between the two
    void domain_stopped(const HostId& host);

private:
    enum class Phase { preparing, copying, frozen, switching, finishing, post_copy, ended };

    // steps
    void prepared();
    void copy_pass();
    void pass_done();
    void switch_over();
    void transferred();
    void finish();
    void confirm();
    void try_again();
    void send_the_rest();
    void post_copy_done();

    // faults at their points
    bool strike_in_prepare();
    void strike_in_copy();
    bool strike_after_pause();
    bool strike_in_finish();
    bool strike_after_start();
    void lose_target();
    void cut_post_copy();
    void interrupt(Duration for_at_least);
    void call_it_failed();

    // ends
    void fail(const std::string& why, ErrorCode code = ErrorCode::internal);
    void leave_source_paused();
    void drop_arrival();
    void resume_source();
    void answer(Result<void> result);
    void later(Duration delay, void (Migration::*step)());
    Domain* source() const { return world_.domain(request_.from, request_.vm); }
    Domain* target() const { return world_.domain(request_.to, request_.vm); }
    Duration time_for(Bytes amount) const;
    double dirty_rate() const;
    void start_on_target();

    World& world_;
    MigrationRequest request_;
    Fault fault_;
    std::function<void(Result<void>)> ended_;
    Phase phase_ = Phase::preparing;
    Instant began_{};
    Bytes remaining_;
    unsigned iteration_ = 0;
    Duration max_downtime_;
    Duration pass_took_{};
    bool struck_ = false;
    unsigned generation_ = 0;  // steps of an earlier phase that come late are dropped
};

}  // namespace ballast::sim
