#include "sim/trace/workload.h"

#include <algorithm>
#include <charconv>

#include "sim/trace/gz_file.h"

namespace ballast::sim::trace {
namespace {

constexpr std::size_t largest_text = std::size_t{64} << 20;

Error problem(const std::string& origin, std::size_t line, const std::string& what) {
    return {ErrorCode::invalid, origin + ":" + std::to_string(line), what};
}

/// The next field and the rest of the line after its comma.
std::string_view take_field(std::string_view& line) {
    const auto comma = line.find(',');
    const auto field = line.substr(0, comma);
    line = comma == std::string_view::npos ? std::string_view{} : line.substr(comma + 1);
    return field;
}

Result<std::uint8_t> percent_of(std::string_view field) {
    unsigned value = 0;
    const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (code != std::errc{} || end != field.data() + field.size() || value > 100)
        return Error{ErrorCode::invalid, {}, "expected a whole number of 0-100, found \"" + std::string(field) + "\""};
    return static_cast<std::uint8_t>(value);
}

Result<VmTrace> parse_line(std::string_view line, const std::string& origin, std::size_t number) {
    const auto commas = std::count(line.begin(), line.end(), ',');
    if (commas != samples_per_day)
        return problem(origin, number,
                       "expected a name and " + std::to_string(samples_per_day) + " samples, found " +
                           std::to_string(commas) + " samples");
    VmTrace vm;
    vm.name = take_field(line);
    if (vm.name.empty()) return problem(origin, number, "the VM has no name");
    for (auto& sample : vm.percent) {
        const auto value = percent_of(take_field(line));
        if (!value) return problem(origin, number, value.error().message);
        sample = *value;
    }
    return vm;
}

}  // namespace

double VmTrace::at(double time_s) const {
    const double position = time_s / sample_interval_s;
    const auto before = static_cast<std::size_t>(position);
    const auto sample = [this](std::size_t k) { return percent[std::min(k, samples_per_day - 1)] / 100.0; };
    const double first = sample(before), second = sample(before + 1);
    return first + (second - first) / sample_interval_s * (time_s - static_cast<double>(before) * sample_interval_s);
}

Result<Workload> parse_workload(std::string_view text, const std::string& origin) {
    Workload workload;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty()) continue;
        auto vm = parse_line(line, origin, number);
        if (!vm) return vm.error();
        workload.vms.push_back(std::move(*vm));
    }
    if (workload.vms.empty()) return Error{ErrorCode::invalid, origin, "there is no VM in it"};
    return workload;
}

Result<Workload> load_workload(const std::string& path) {
    const auto text = read_maybe_compressed(path, largest_text);
    if (!text) return text.error();
    return parse_workload(*text, path);
}

}  // namespace ballast::sim::trace
