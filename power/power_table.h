// Every key of power.yaml, in the form of the other option tables.
#pragma once

#include "config/option_table.h"
#include "power/power_file.h"

namespace ballast::power {

const config::Table<PowerFile>& power_table();

}  // namespace ballast::power
