#include "cluster/report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "cluster/calls.h"

namespace ballast::cluster {

namespace json = boost::json;
using collectors::CpuCounted;
using collectors::Sample;
using SampledVm = Sample::SampledVm;

namespace {

/// A figure of a load: the unit of its whole number, and how far it may be from what was told: by an amount, or by a
/// share of it, whichever is more.
template <class Load>
struct Figure {
    std::optional<double> Load::*value;
    double unit;
    double amount;
    double share;
};
template <class Load>
struct Size {
    std::optional<Bytes> Load::*value;
    Bytes amount;
    double share;
};

constexpr double milli = 1e-3, whole = 1, kib_of_mib = 1.0 / 1024;

// The order is that of the text: new ones go to the end. The bands are narrow beside the limits that policies set, a
// tenth of a CPU or some percent, and wider than what idling guests do.
constexpr Figure<VmLoad> vm_figures[] = {
    {&VmLoad::cpu_used_cores, milli, 0.1, 0.1},          {&VmLoad::ready_ratio, milli, 0.02, 0},
    {&VmLoad::swap_in_mib_per_s, kib_of_mib, 0.1, 0.2},  {&VmLoad::major_faults_per_s, whole, 20, 0.2},
    {&VmLoad::block_read_mib_per_s, kib_of_mib, 1, 0.2}, {&VmLoad::block_write_mib_per_s, kib_of_mib, 1, 0.2},
    {&VmLoad::net_rx_mib_per_s, kib_of_mib, 1, 0.2},     {&VmLoad::net_tx_mib_per_s, kib_of_mib, 1, 0.2},
    {&VmLoad::dirty_rate_mib_per_s, kib_of_mib, 1, 0.2},
};
constexpr Size<VmLoad> vm_sizes[] = {
    {&VmLoad::memory_rss, mib(64), 0.03},
    {&VmLoad::memory_balloon, mib(64), 0.03},
    {&VmLoad::memory_usable, mib(64), 0.03},
};
constexpr Figure<HostLoad> host_figures[] = {
    {&HostLoad::cpu_used_cores, milli, 0.2, 0.03},
    {&HostLoad::swap_in_mib_per_s, kib_of_mib, 0.1, 0.2},
};
constexpr Size<HostLoad> host_sizes[] = {{&HostLoad::memory_available, mib(128), 0.02}};
constexpr Figure<Pressure> pressures[] = {
    {&Pressure::cpu_some, milli, 0.02, 0.1},    {&Pressure::memory_some, milli, 0.02, 0.1},
    {&Pressure::memory_full, milli, 0.02, 0.1}, {&Pressure::io_some, milli, 0.02, 0.1},
    {&Pressure::io_full, milli, 0.02, 0.1},
};
constexpr VmState states[] = {VmState::running, VmState::paused, VmState::shut_off, VmState::crashed, VmState::other};

// Of any figure in its unit: exact as a floating-point number, and no size in bytes overflows by it.
constexpr std::uint64_t largest = std::uint64_t{1} << 50;

// ---- as text

std::uint64_t figure_of(double value) {
    return static_cast<std::uint64_t>(std::llround(std::clamp(value, 0.0, static_cast<double>(largest))));
}

std::uint64_t figure_from(const json::value& value) {
    const auto figure = value.to_number<std::uint64_t>();
    if (figure > largest) throw boost::system::system_error(json::make_error_code(json::error::not_exact));
    return figure;
}

template <class Load, std::size_t N>
void add(json::array& out, const Load& load, const Figure<Load> (&figures)[N]) {
    for (const auto& figure : figures) {
        const auto& value = load.*figure.value;
        out.push_back(value && std::isfinite(*value) ? json::value(figure_of(*value / figure.unit)) : json::value());
    }
}
template <class Load, std::size_t N>
void add(json::array& out, const Load& load, const Size<Load> (&sizes)[N]) {
    for (const auto& size : sizes) {
        const auto& value = load.*size.value;
        out.push_back(value ? json::value(value->count >> 10) : json::value());
    }
}

json::array without_end(json::array list) {
    while (!list.empty() && list.back().is_null()) list.pop_back();
    return list;
}

/// Reads one item after the other; what is not there is null. Throws what Boost.JSON throws.
class Items {
public:
    explicit Items(const json::array& list) : list_(list) {}
    const json::value& next() {
        static const json::value none;
        return at_ < list_.size() ? list_[at_++] : none;
    }

private:
    const json::array& list_;
    std::size_t at_ = 0;
};

template <class Load, std::size_t N>
void take(Items& items, Load& load, const Figure<Load> (&figures)[N]) {
    for (const auto& figure : figures)
        if (const json::value& value = items.next(); !value.is_null())
            load.*figure.value = static_cast<double>(figure_from(value)) * figure.unit;
}
template <class Load, std::size_t N>
void take(Items& items, Load& load, const Size<Load> (&sizes)[N]) {
    for (const auto& size : sizes)
        if (const json::value& value = items.next(); !value.is_null()) load.*size.value = kib(figure_from(value));
}

json::array to_json(const VmId& id, const SampledVm& vm) {
    json::array out{id.value, vm.name, to_string(vm.state), vm.libvirt_id};
    add(out, vm.load, vm_figures);
    add(out, vm.load, vm_sizes);
    return without_end(std::move(out));
}

json::array to_json(const HostLoad& load) {
    json::array out;
    add(out, load, host_figures);
    add(out, load, host_sizes);
    add(out, load.pressure, pressures);
    return without_end(std::move(out));
}

void add_sample(json::object& out, const Sample& sample) {
    out["host"] = to_json(sample.load);
    if (sample.counted) out["counted"] = json::array{sample.counted->busy_ns, sample.counted->total_ns};
    json::array pages, vms;
    for (const auto& [size, free] : sample.load.free_huge_pages) pages.push_back(json::array{size.count, free});
    if (!pages.empty()) out["pages"] = std::move(pages);
    for (const auto& [id, vm] : sample.vms) vms.push_back(to_json(id, vm));
    out["vms"] = std::move(vms);
}

VmState state_from(const json::value& value) {
    const auto found = std::find_if(std::begin(states), std::end(states),
                                    [&](VmState state) { return to_string(state) == value.as_string().c_str(); });
    return found == std::end(states) ? VmState::other : *found;
}

void take_vm(Sample& sample, const json::value& value) {
    Items items(value.as_array());
    const VmId id{items.next().as_string().c_str()};
    SampledVm& vm = sample.vms[id];
    vm.name = items.next().as_string().c_str();
    vm.state = state_from(items.next());
    vm.libvirt_id = items.next().to_number<int>();
    take(items, vm.load, vm_figures);
    take(items, vm.load, vm_sizes);
}

Sample sample_from(const json::object& fields) {
    Sample sample;
    Items items(fields.at("host").as_array());
    take(items, sample.load, host_figures);
    take(items, sample.load, host_sizes);
    take(items, sample.load.pressure, pressures);
    if (const json::value* counted = fields.if_contains("counted")) {
        Items both(counted->as_array());
        const auto busy = both.next().to_number<std::uint64_t>();
        sample.counted = CpuCounted{busy, both.next().to_number<std::uint64_t>()};
    }
    if (const json::value* pages = fields.if_contains("pages"))
        for (const json::value& page : pages->as_array()) {
            Items both(page.as_array());
            const Bytes size{both.next().to_number<std::uint64_t>()};
            sample.load.free_huge_pages[size] = both.next().to_number<std::uint64_t>();
        }
    for (const json::value& vm : fields.at("vms").as_array()) take_vm(sample, vm);
    return sample;
}

std::optional<Error> problem_from(const json::value& value) {
    if (value.is_null()) return std::nullopt;
    Items items(value.as_array());
    const auto code = error_code_from(items.next().as_string().c_str());
    const std::string subject = items.next().as_string().c_str();
    return Error{code.value_or(ErrorCode::internal), subject, items.next().as_string().c_str()};
}

// ---- the dead band

template <class Load, std::size_t N>
bool is_outside(const Load& told, const Load& now, const Figure<Load> (&figures)[N]) {
    return std::any_of(std::begin(figures), std::end(figures), [&](const auto& figure) {
        const auto &before = told.*figure.value, &after = now.*figure.value;
        if (!before || !after) return before.has_value() != after.has_value();
        return std::abs(*after - *before) > std::max(figure.amount, figure.share * *before);
    });
}
template <class Load, std::size_t N>
bool is_outside(const Load& told, const Load& now, const Size<Load> (&sizes)[N]) {
    return std::any_of(std::begin(sizes), std::end(sizes), [&](const auto& size) {
        const auto &before = told.*size.value, &after = now.*size.value;
        if (!before || !after) return before.has_value() != after.has_value();
        const Bytes apart = std::max(*after - *before, *before - *after);
        return apart > std::max(size.amount, scaled(*before, size.share));
    });
}

bool is_outside(const HostLoad& told, const HostLoad& now) {
    return is_outside(told, now, host_figures) || is_outside(told, now, host_sizes) ||
           is_outside(told.pressure, now.pressure, pressures) || told.free_huge_pages != now.free_huge_pages;
}

// Requires the same VMs.
bool is_outside(const std::map<VmId, SampledVm>& told, const std::map<VmId, SampledVm>& now) {
    return !std::equal(told.begin(), told.end(), now.begin(), [](const auto& before, const auto& after) {
        return !is_outside(before.second.load, after.second.load, vm_figures) &&
               !is_outside(before.second.load, after.second.load, vm_sizes);
    });
}

bool is_same_run(const std::pair<const VmId, SampledVm>& one, const std::pair<const VmId, SampledVm>& other) {
    return one.first == other.first && one.second.state == other.second.state &&
           one.second.libvirt_id == other.second.libvirt_id && one.second.name == other.second.name;
}

bool is_well_alike(const std::pair<const std::string, std::optional<Error>>& one,
                   const std::pair<const std::string, std::optional<Error>>& other) {
    return one.first == other.first && one.second.has_value() == other.second.has_value();
}

}  // namespace

std::string to_text(const Report& report) {
    json::object out{{"by", report.by}};
    json::object& sources = out["sources"].emplace_object();
    for (const auto& [source, problem] : report.sources)
        sources[source] = problem
                              ? json::value(json::array{to_string(problem->code), problem->subject, problem->message})
                              : json::value();
    if (report.sample) add_sample(out, *report.sample);
    return json::serialize(out);
}

Result<Report> report_from(const std::string& text) {
    try {
        const json::value value = json::parse(text);
        const json::object& fields = value.as_object();
        Report report;
        report.by = fields.at("by").to_number<Revision>();
        for (const auto& source : fields.at("sources").as_object())
            report.sources[source.key()] = problem_from(source.value());
        if (fields.contains("host")) report.sample = sample_from(fields);
        return report;
    } catch (const std::exception& error) {  // Boost.JSON reports what is missing or of the wrong kind by exceptions
        return Error{ErrorCode::corrupt, "report", error.what()};
    }
}

bool vms_differ(const Report& told, const Report& now) {
    if (!told.sample || !now.sample) return told.sample.has_value() != now.sample.has_value();
    const auto &before = told.sample->vms, &after = now.sample->vms;
    return !std::equal(before.begin(), before.end(), after.begin(), after.end(), is_same_run);
}

bool differ(const Report& told, const Report& now) {
    const auto &before = told.sources, &after = now.sources;
    if (vms_differ(told, now) || !std::equal(before.begin(), before.end(), after.begin(), after.end(), is_well_alike))
        return true;
    return now.sample &&
           (is_outside(told.sample->load, now.sample->load) || is_outside(told.sample->vms, now.sample->vms));
}

}  // namespace ballast::cluster
