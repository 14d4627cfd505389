#include "policy/options.h"

namespace ballast::policy {

std::string to_string(Mode mode) {
    switch (mode) {
        case Mode::observe: return "observe";
        case Mode::confirm: return "confirm";
        case Mode::automatic: return "automatic";
    }
    return "observe";
}

std::string to_string(BalanceOptions::Objective objective) {
    return objective == BalanceOptions::Objective::headroom ? "headroom" : "used";
}

std::string to_string(CpuMethod method) {
    switch (method) {
        case CpuMethod::threshold: return "threshold";
        case CpuMethod::iqr: return "iqr";
        case CpuMethod::mad: return "mad";
        case CpuMethod::lr: return "lr";
    }
    return "threshold";
}

const CalendarDays& holidays_of(const Window& window, const Options& options) {
    static const CalendarDays none;
    return window.ignore_holidays ? none : options.holidays;
}

std::string to_string(EstimatorOptions::Method method) {
    return method == EstimatorOptions::Method::percentile ? "percentile" : "ewma";
}

std::string to_string(HealthAction action) {
    switch (action) {
        case HealthAction::nothing: return "nothing";
        case HealthAction::cordon: return "cordon";
        case HealthAction::evacuate: return "evacuate";
        case HealthAction::evacuate_now: return "evacuate_now";
    }
    return "evacuate_now";
}

std::string to_string(Compression compression) {
    switch (compression) {
        case Compression::none: return "none";
        case Compression::xbzrle: return "xbzrle";
        case Compression::mt: return "mt";
        case Compression::zlib: return "zlib";
        case Compression::zstd: return "zstd";
    }
    return "none";
}

std::string to_string(Rule::Kind kind) {
    switch (kind) {
        case Rule::Kind::keep_apart: return "keep_apart";
        case Rule::Kind::keep_together: return "keep_together";
        case Rule::Kind::pin: return "pin";
        case Rule::Kind::prefer: return "prefer";
        case Rule::Kind::avoid: return "avoid";
        case Rule::Kind::spread: return "spread";
        case Rule::Kind::never_move: return "never_move";
    }
    return "never_move";
}

std::optional<Mode> mode_from(const std::string& name) {
    for (const Mode mode : {Mode::observe, Mode::confirm, Mode::automatic})
        if (name == to_string(mode)) return mode;
    return std::nullopt;
}

namespace {
// Iterative on purpose: a recursive glob takes exponential time on "*a*a*a*", and patterns come from people.
bool glob(const std::string& pattern, const std::string& text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string::npos;  // the last * seen
    std::size_t resume = 0;                // where in the text it took over
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}
}  // namespace

bool matches(const std::string& pattern, const std::string& vm_name, const VmId& id) {
    return glob(pattern, vm_name) || glob(pattern, id.value);
}

}  // namespace ballast::policy
