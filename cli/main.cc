#include "cli/command_line.h"

int main(int argc, char** argv) {
    using namespace ballast::cli;
    Terminal terminal = standard_terminal();
    return static_cast<int>(run({argv + 1, argv + argc}, terminal, connect_by_socket));
}
