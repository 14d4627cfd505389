// A plan as text, every field of it: two plans are the same when their texts are.
#pragma once

#include <cstdio>
#include <string>

#include "model/plan.h"

namespace ballast::test {

// Every bit of the number counts, so it is written in hexadecimal.
inline std::string exact(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%a", value);
    return text;
}

inline std::string text_of(const Rejection& rejection) {
    return rejection.vm.value + " -> " + (rejection.target ? rejection.target->value : "-") + ": " +
           to_string(rejection.reason) + " " + rejection.detail + "\n";
}

inline std::string text_of(const std::string& title, const std::vector<Rejection>& rejections) {
    std::string text = title + "\n";
    for (const Rejection& rejection : rejections) text += "  " + text_of(rejection);
    return text;
}

inline std::vector<double> numbers_of(const Effect& e) {
    return {e.source_cpu_before,    e.source_cpu_after,    e.target_cpu_before,    e.target_cpu_after,
            e.source_memory_before, e.source_memory_after, e.target_memory_before, e.target_memory_after};
}

inline std::string text_of(const Move& move) {
    std::string text = move.vm.value + ": " + move.from.value + " -> " + move.to.value + " " + to_string(move.trigger) +
                       " wave " + std::to_string(move.wave) + " " + move.reason + " | " +
                       std::to_string(move.prediction.duration.count()) + " " +
                       std::to_string(move.prediction.downtime.count()) + " " +
                       std::to_string(move.prediction.transferred.count) + (move.prediction.converges ? " yes" : " no");
    for (const double number : numbers_of(move.effect)) text += " " + exact(number);
    return text + "\n" + text_of("refused", move.refused_targets);
}

inline std::string text_of(const Plan& plan) {
    std::string text;
    for (const Finding& f : plan.findings)
        text += f.host.value + " " + to_string(f.trigger) + " " + f.text + (f.resolved_by_plan ? " yes\n" : " no\n");
    for (const Restart& r : plan.restarts)
        text += r.vm.value + ": " + r.from.value + " -> " + r.to.value + " wave " + std::to_string(r.wave) + " " +
                r.reason + "\n" + text_of("refused", r.refused_targets);
    for (const Move& move : plan.moves) text += text_of(move);
    text += text_of("immovable", plan.immovable) + text_of("rejections", plan.rejections);
    for (const std::string& warning : plan.warnings) text += warning + "\n";
    for (const auto& [id, host] : plan.hosts)
        text += id.value + " " + exact(host.cpu_demand) + " " + exact(host.memory_demand) + " " + exact(host.ready) +
                (host.overloaded ? " overloaded " : " ") + host.state + "\n";
    return text + exact(plan.score_before) + " " + exact(plan.score_after) + "\n";
}

}  // namespace ballast::test
