// What the control API shows, as JSON: pure functions of the model's values. The field names are a contract with every
// client (docs/api.md). Nothing here trusts a name: Boost.JSON escapes each string. Any thread.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "interchange/cycle.h"
#include "model/inventory.h"
#include "model/operation.h"
#include "model/plan.h"

namespace ballast::views {

namespace json = boost::json;

/// Names for people. A VM without one is shown by its UUID.
using VmNames = std::map<VmId, std::string>;
VmNames names_in(const Inventory& inventory);
std::string name_of(const VmId& id, const VmNames& names);

/// null for "not known", and for what JSON cannot carry (infinite, not a number).
json::value number(const std::optional<double>& value);
json::value bytes(const std::optional<Bytes>& value);
json::value milliseconds(const std::optional<Duration>& value);
json::value time(const std::optional<WallTime>& value);

template <class Range, class View>
json::array each(const Range& range, View view) {
    json::array out;
    for (const auto& item : range) out.push_back(view(item));
    return out;
}
/// Names (of hosts, networks, groups) as they are.
json::array texts(const std::vector<std::string>& values);
template <class IdRange>
json::array ids(const IdRange& range) {
    return each(range, [](const auto& id) { return json::value(id.value); });
}

json::object finding(const Finding& finding);
json::object rejection(const Rejection& rejection, const VmNames& names);
json::array rejections(const std::vector<Rejection>& rejections, const VmNames& names);
json::object prediction(const Prediction& prediction);
json::object effect(const Effect& effect);
json::object move(const Move& move, const VmNames& names);
json::object restart(const Restart& restart, const VmNames& names);
json::object power_change(const PowerChange& change);
json::array moves(const std::vector<Move>& moves, const VmNames& names);
json::object plan(const Plan& plan, const VmNames& names);
/// The same without what it says of each host, and without the refusals of what it does not do, which may be many.
json::object decisions(const Plan& plan, const VmNames& names);
/// `now` ends the elapsed time of one that is under way.
json::object operation(const Operation& operation, WallTime now);
json::array operations(const std::vector<Operation>& operations, WallTime now);
json::object cycle(const Cycle& cycle);
json::object cycle_summary(const Cycle& cycle);

/// Mode and pause, as several answers carry them.
struct ModeState {
    policy::Mode mode = policy::Mode::observe;
    policy::Mode policy_mode = policy::Mode::observe;
    bool overridden = false;
    std::string paused_by;  // empty: not paused
};
json::object mode(const ModeState& state);

}  // namespace ballast::views
