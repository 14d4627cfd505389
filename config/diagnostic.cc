#include "config/diagnostic.h"

namespace ballast::config {

std::string to_string(const Diagnostic& diagnostic) {
    return diagnostic.file + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + ": " +
           diagnostic.message;
}

std::string to_string(const Diagnostics& diagnostics) {
    std::string text;
    for (const auto& diagnostic : diagnostics) text += to_string(diagnostic) + "\n";
    return text;
}

}  // namespace ballast::config
