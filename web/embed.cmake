# cmake -D FILES="a.js;b.css" -D INTO=page_files.cc -P embed.cmake: the page's files as a part of the program.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND rows "        {\"/${name}\", R\"page_file(${text})page_file\"},\n")
endforeach()
file(WRITE ${INTO} "// Made by web/embed.cmake.
#include \"daemon/page_files.h\"

namespace ballast::daemon {

const std::vector<PageFile>& page_files() {
    static const std::vector<PageFile> files = {
${rows}    };
    return files;
}

}  // namespace ballast::daemon
")
