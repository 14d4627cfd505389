#include "collectors/pressure.h"

#include <cmath>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace ballast::collectors {

namespace {
Result<std::string> slurp(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    if (!in || out.str().empty()) return Error{ErrorCode::unavailable, path, "cannot be read"};
    return out.str();
}
}  // namespace

std::optional<double> pressure_avg10(const std::string& text, const std::string& line) {
    std::istringstream lines(text);
    for (std::string row; std::getline(lines, row);) {
        if (!row.starts_with(line + " ")) continue;
        const auto at = row.find("avg10=");
        if (at == std::string::npos) return std::nullopt;
        std::istringstream number(row.substr(at + 6));
        double percent = 0;
        if (!(number >> percent) || !std::isfinite(percent) || percent < 0 || percent > 100) return std::nullopt;
        return percent / 100;
    }
    return std::nullopt;
}

Result<Pressure> read_pressure(const std::string& proc_path) {
    const auto cpu = slurp(proc_path + "/pressure/cpu");
    const auto memory = slurp(proc_path + "/pressure/memory");
    const auto io = slurp(proc_path + "/pressure/io");
    if (!cpu && !memory && !io) return cpu.error();
    Pressure pressure;
    if (cpu) pressure.cpu_some = pressure_avg10(*cpu, "some");
    if (memory) pressure.memory_some = pressure_avg10(*memory, "some");
    if (memory) pressure.memory_full = pressure_avg10(*memory, "full");
    if (io) pressure.io_some = pressure_avg10(*io, "some");
    if (io) pressure.io_full = pressure_avg10(*io, "full");
    return pressure;
}

Result<Bytes> read_swap_in(const std::string& proc_path) {
    const auto text = slurp(proc_path + "/vmstat");
    if (!text) return text.error();
    std::istringstream in(*text);
    std::string name;
    std::uint64_t value = 0;
    while (in >> name >> value)
        if (name == "pswpin") return Bytes{value * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
    return Error{ErrorCode::corrupt, proc_path + "/vmstat", "has no pswpin"};
}

}  // namespace ballast::collectors
