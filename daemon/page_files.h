// The page's files, which the build puts into the program (web/embed.cmake). Constant; any thread.
#pragma once

#include <string_view>
#include <vector>

namespace ballast::daemon {

struct PageFile {
    std::string_view path;  // "/page.js"
    std::string_view text;
};
const std::vector<PageFile>& page_files();

}  // namespace ballast::daemon
