#include "service/log.h"

#include <cstdlib>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>

namespace ballast::service {

void set_up_log(const std::string& name, const std::string& level) {
    const bool under_systemd = std::getenv("JOURNAL_STREAM") != nullptr;
    auto logger = under_systemd ? spdlog::systemd_logger_mt(name, name) : spdlog::stderr_color_mt(name);
    if (under_systemd) logger->set_pattern("%v");  // the journal knows time and priority
    spdlog::set_default_logger(std::move(logger));
    spdlog::set_level(spdlog::level::from_str(level));
}

}  // namespace ballast::service
