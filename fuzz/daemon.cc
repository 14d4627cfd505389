// The daemon's file. What is accepted is written and read again as the same; what is refused says where and why.
#include "config/load.h"
#include "config/render.h"
#include "fuzz/fuzz.h"

using namespace ballast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const auto loaded = config::check_daemon_text({"fuzz.yaml", text});
    BALLAST_ASSERT(static_cast<bool>(loaded) == loaded.problems().empty());
    for (const auto& problem : loaded.problems())
        BALLAST_ASSERT(problem.line >= 1 && problem.column >= 1 && !problem.message.empty());
    if (!loaded) return 0;
    const std::string written = config::to_yaml(*loaded);
    const auto again = config::check_daemon_text({"again.yaml", written});
    BALLAST_ASSERT(static_cast<bool>(again));
    BALLAST_ASSERT(config::to_yaml(*again) == written);
    return 0;
}
