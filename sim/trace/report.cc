#include "sim/trace/report.h"

#include <algorithm>
#include <cstdio>

namespace ballast::sim::trace {
namespace {

std::string formatted(const char* format, int decimals, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, decimals, value);
    return text;
}

std::string shown(const Figure& figure) {
    if (const auto* text = std::get_if<std::string>(&figure.value)) return *text;
    if (const auto* count = std::get_if<std::size_t>(&figure.value)) return std::to_string(*count);
    return formatted(figure.scientific ? "%.*e" : "%.*f", figure.decimals, std::get<double>(figure.value));
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        char code[8];
        if (static_cast<unsigned char>(c) < 0x20) {
            std::snprintf(code, sizeof code, "\\u%04x", c);
            out += code;
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string json_value(const Figure& figure) {
    if (const auto* text = std::get_if<std::string>(&figure.value)) return quoted(*text);
    if (const auto* count = std::get_if<std::size_t>(&figure.value)) return std::to_string(*count);
    return formatted("%.*g", 17, std::get<double>(figure.value));
}

}  // namespace

std::string as_text(const Figures& figures) {
    std::size_t width = 0;
    for (const auto& figure : figures) width = std::max(width, figure.label.size());
    std::string text;
    for (const auto& figure : figures) {
        text += figure.label + std::string(width + 2 - figure.label.size(), ' ') + shown(figure);
        text += figure.unit.empty() ? "\n" : " " + figure.unit + "\n";
    }
    return text;
}

std::string as_json(const Figures& figures) {
    std::string text;
    for (const auto& figure : figures)
        text += (text.empty() ? "{" : ", ") + quoted(figure.key) + ": " + json_value(figure);
    return text + "}";
}

Figures figures_of(const Metrics& metrics, double bound_kwh) {
    return {{"energy_kwh", "energy", metrics.energy_kwh, 5, false, "kWh"},
            {"bound_kwh", "least possible energy", bound_kwh, 2, false, "kWh"},
            {"energy_ratio", "energy / least possible", metrics.energy_kwh / bound_kwh, 3},
            {"migrations", "migrations", metrics.migrations},
            {"slatah_pct", "SLATAH", metrics.slatah() * 100, 6, false, "%"},
            {"pdm_pct", "PDM", metrics.pdm() * 100, 6, false, "%"},
            {"slav", "SLAV", metrics.slav(), 6, true},
            {"esv", "ESV", metrics.esv(), 6, true},
            {"shortage_pct", "CPU wanted and not got", metrics.shortage() * 100, 6, false, "%"},
            {"overload_pct", "host time overloaded", metrics.overload() * 100, 4, false, "%"},
            {"mean_active_hosts", "hosts with load, mean", metrics.mean_active_hosts()},
            {"shutdowns", "hosts emptied", metrics.shutdowns},
            {"vanished_vms", "VMs vanished", metrics.vanished_vms},
            {"refused_moves", "moves refused for memory", metrics.refused_moves}};
}

}  // namespace ballast::sim::trace
