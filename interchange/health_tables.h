// Part of tables.h: what is wrong with hosts, and what is done about it.
#pragma once

#include "interchange/fields.h"
#include "model/health.h"
#include "policy/options.h"

namespace ballast::interchange {

template <>
struct Described<HealthProblem> {
    using T = HealthProblem;
    static constexpr auto fields =
        std::tuple{required("source", &T::source), field("subject", &T::subject), field("text", &T::text)};
};
template <>
struct Described<policy::CheckAction> {
    using T = policy::CheckAction;
    static constexpr auto fields = std::tuple{required("name", &T::name), required("action", &T::action)};
    static constexpr std::size_t not_written = 2;  // where a file names it
};
template <>
struct Described<policy::HealthOptions> {
    using T = policy::HealthOptions;
    static constexpr auto fields = std::tuple{
        field("memory_uncorrected", &T::memory_uncorrected),
        field("memory_corrected", &T::memory_corrected),
        field("machine_check", &T::machine_check),
        field("temperature", &T::temperature),
        field("disk", &T::disk),
        field("network", &T::network),
        field("link", &T::link),
        field("storage", &T::storage),
        field("units", &T::units),
        field("pressure", &T::pressure),
        field("libvirt", &T::libvirt),
        field("clock", &T::clock),
        field("check", &T::check),
        field("unread", &T::unread),
        field("checks", &T::checks),
    };
};

}  // namespace ballast::interchange
