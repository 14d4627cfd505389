// What two hosts' answers mean: the table of the protocol, and what must hold in every one of its cells.
#include "executor/judge.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace ballast;
using executor::judge;
using executor::Picture;
using executor::Verdict;
using State = Presence::State;
using Reason = Presence::PauseReason;

namespace {

Presence is(State state, Reason reason = Reason::none, bool job = false) {
    Presence presence;
    presence.state = state;
    presence.pause_reason = reason;
    presence.migration_under_way = job;
    return presence;
}
const Presence absent = is(State::absent), defined = is(State::defined), running = is(State::running);
const Presence paused = is(State::paused, Reason::migration);
const Presence paused_by_user = is(State::paused, Reason::user);
const Presence io_error = is(State::paused, Reason::io_error);
const Presence post_copy_failed = is(State::paused, Reason::post_copy_failed);
const Presence migrating = is(State::running, Reason::none, true);

Verdict verdict(std::optional<Presence> source, std::optional<Presence> target) {
    return judge({source, target});
}

std::vector<std::optional<Presence>> everything() {
    std::vector<std::optional<Presence>> all{std::nullopt};
    for (const bool job : {false, true}) {
        for (const State state : {State::absent, State::defined, State::running})
            all.push_back(is(state, Reason::none, job));
        for (const Reason reason : {Reason::none, Reason::migration, Reason::starting_up, Reason::post_copy,
                                    Reason::post_copy_failed, Reason::io_error, Reason::user, Reason::other})
            all.push_back(is(State::paused, reason, job));
        for (const Reason reason : {Reason::post_copy, Reason::post_copy_failed})
            all.push_back(is(State::running, reason, job));
    }
    return all;
}

bool in_post_copy(const Presence& p) {
    return (p.state == State::paused || p.state == State::running) &&
           (p.pause_reason == Reason::post_copy || p.pause_reason == Reason::post_copy_failed);
}

template <class F>
void for_every_picture(F check) {
    for (const auto& source : everything())
        for (const auto& target : everything())
            for (int bits = 0; bits < 16; ++bits) {
                const Picture picture{source,          target,          (bits & 1) != 0,
                                      (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
                check(picture, judge(picture));
            }
}

}  // namespace

TEST_CASE("What both hosts say decides as the protocol lists it") {
    CHECK(verdict(absent, running) == Verdict::moved);
    CHECK(verdict(defined, running) == Verdict::moved);
    CHECK(verdict(running, absent) == Verdict::stayed);
    CHECK(verdict(running, defined) == Verdict::stayed);
    CHECK(verdict(paused, running) == Verdict::stop_source);
    CHECK(verdict(paused, paused) == Verdict::stop_target);
    CHECK(verdict(paused, absent) == Verdict::resume_source);
    CHECK(verdict(running, running) == Verdict::both_run);
    CHECK(verdict(running, paused) == Verdict::drop_arrival);
    CHECK(verdict(absent, paused) == Verdict::resume_target);
    CHECK(verdict(defined, absent) == Verdict::lost);
    CHECK(verdict(migrating, paused) == Verdict::under_way);
    CHECK(verdict(std::nullopt, running) == Verdict::unclear);
    CHECK(verdict(running, std::nullopt) == Verdict::unclear);
}

TEST_CASE("A guest its user paused, or an IO error, is left paused where it is") {
    CHECK(verdict(paused_by_user, absent) == Verdict::stayed);
    CHECK(verdict(io_error, absent) == Verdict::stayed);
    CHECK(verdict(absent, paused_by_user) == Verdict::moved);
    CHECK(verdict(absent, io_error) == Verdict::moved);
}

TEST_CASE("A guest that shut down is not started again") {
    CHECK(judge({defined, absent, true}) == Verdict::shut_down);
    CHECK(judge({defined, paused, true}) == Verdict::drop_arrival);
}

TEST_CASE("A lost target is not waited for when the source never paused the guest") {
    CHECK(judge({running, std::nullopt, false, false, false}) == Verdict::stayed_target_lost);
    CHECK(judge({paused, std::nullopt, false, false, false}) == Verdict::unclear);
}

TEST_CASE("After the switch to post-copy a paused source is never gone back to") {
    CHECK(judge({paused, absent, false, true}) == Verdict::hands_off);
    CHECK(judge({paused, paused, false, true}) == Verdict::hands_off);
    CHECK(judge({paused, running, false, true}) == Verdict::stop_source);
}

TEST_CASE("What waits on the source is of the past once the guest has run on the target") {
    const auto then = [](const Presence& target, bool shut_down = false) {
        return judge({paused, target, shut_down, false, true, true});
    };
    CHECK(then(running) == Verdict::stop_source);
    CHECK(then(paused_by_user) == Verdict::stop_source);
    CHECK(then(io_error) == Verdict::stop_source);
    CHECK(then(defined, true) == Verdict::stop_source);
    CHECK(then(absent, true) == Verdict::stop_source);
    CHECK(then(defined) == Verdict::hands_off);  // it crashed there
    CHECK(then(absent) == Verdict::hands_off);
    CHECK(then(paused) == Verdict::hands_off);  // somebody moves it on from there
    CHECK(judge({paused_by_user, running, false, false, true, true}) == Verdict::stop_source);  // it went to sleep
}

TEST_CASE("A definition's past is not taken for a shutdown of the guest") {
    Presence old = defined;
    old.shut_down_by_guest = true;
    CHECK(executor::shut_down_seen(old, absent, true, false));
    CHECK_FALSE(executor::shut_down_seen(old, absent, true, true));    // we stopped it
    CHECK_FALSE(executor::shut_down_seen(defined, old, true, false));  // it crashed here; there it is an old story
    CHECK(executor::shut_down_seen(absent, old, true, false));         // it had arrived there
    CHECK_FALSE(executor::shut_down_seen(absent, old, false, false));  // nothing of this one is kept there
}

TEST_CASE("Nothing is stopped or resumed unless both hosts answered and no job runs on the source") {
    for_every_picture([](const Picture& picture, Verdict verdict) {
        const bool known = picture.source && picture.target && !picture.source->migration_under_way;
        const bool acts = verdict == Verdict::stop_source || verdict == Verdict::stop_target ||
                          verdict == Verdict::resume_source || verdict == Verdict::resume_target ||
                          verdict == Verdict::drop_arrival || verdict == Verdict::both_run;
        REQUIRE((known || !acts));
    });
}

TEST_CASE("Nobody is resumed while the other side runs, and only a paused copy is stopped unless both run") {
    for_every_picture([](const Picture& picture, Verdict verdict) {
        if (verdict == Verdict::resume_source) REQUIRE(picture.target->state != State::running);
        if (verdict == Verdict::resume_source) REQUIRE(picture.target->state != State::paused);
        if (verdict == Verdict::resume_target)
            REQUIRE((picture.source->state == State::absent || picture.source->state == State::defined));
        if (verdict == Verdict::stop_source)
            REQUIRE((picture.source->state == State::paused &&
                     (picture.target->state == State::running || picture.ran_on_target)));
        if (picture.ran_on_target) REQUIRE((verdict != Verdict::resume_source && verdict != Verdict::stop_target));
        if (verdict == Verdict::stop_target)
            REQUIRE((picture.source->state == State::paused && picture.target->state == State::paused));
        if (verdict == Verdict::drop_arrival) REQUIRE(picture.target->state == State::paused);
    });
}

TEST_CASE("A VM in post-copy is never touched") {
    for_every_picture([](const Picture& picture, Verdict verdict) {
        if (!picture.source || !picture.target) return;
        if (!in_post_copy(*picture.source) && !in_post_copy(*picture.target)) return;
        REQUIRE((verdict == Verdict::hands_off || verdict == Verdict::under_way ||
                 verdict == Verdict::post_copy_interrupted));
    });
}

TEST_CASE("Post-copy is resumed only where the source gave it up and both hosts hold their half") {
    for_every_picture([](const Picture& picture, Verdict verdict) {
        if (verdict != Verdict::post_copy_interrupted) return;
        REQUIRE((picture.source->state == State::paused && picture.source->pause_reason == Reason::post_copy_failed));
        REQUIRE(in_post_copy(*picture.target));
    });
    const Presence failed = is(State::paused, Reason::post_copy_failed, true);  // libvirt keeps the job
    CHECK(verdict(failed, is(State::running, Reason::post_copy)) == Verdict::post_copy_interrupted);
    CHECK(verdict(failed, is(State::running, Reason::post_copy_failed)) == Verdict::post_copy_interrupted);
    CHECK(verdict(failed, absent) == Verdict::hands_off);
    CHECK(verdict(failed, std::nullopt) == Verdict::unclear);
    CHECK(verdict(is(State::paused, Reason::post_copy, true), running) == Verdict::under_way);
}

TEST_CASE("A guest that runs on the target before all of its memory has come has not arrived") {
    CHECK(verdict(absent, is(State::running, Reason::post_copy)) == Verdict::hands_off);
    CHECK(verdict(absent, is(State::running, Reason::post_copy_failed)) == Verdict::hands_off);
    CHECK(judge({paused, is(State::running, Reason::post_copy_failed), false, true}) == Verdict::hands_off);
}

TEST_CASE("A move counts as done or undone only when the guest is active on just one side") {
    const auto active = [](const Presence& p) { return p.state == State::running || p.state == State::paused; };
    for_every_picture([&](const Picture& picture, Verdict verdict) {
        if (verdict == Verdict::moved) REQUIRE((active(*picture.target) && !active(*picture.source)));
        if (verdict == Verdict::stayed) REQUIRE((active(*picture.source) && !active(*picture.target)));
    });
}
