#include "cli/structured.h"
#include "cli/views/views.h"

namespace ballast::cli {

void show_preflight(const value& report, Page& page) {
    for (const Phrase& line : lines_of(to_yaml(report))) page.verbatim(line.text());
}

}  // namespace ballast::cli
