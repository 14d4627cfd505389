// Where the daemon keeps the operators' settings in the store. The executor's journal has its own keys (journal.h).
#pragma once

namespace ballast::daemon {

inline constexpr const char* paused_key = "/ballast/settings/paused_by";    // present: paused, by whom
inline constexpr const char* mode_key = "/ballast/settings/mode";           // present: overrides the policy's mode
inline constexpr const char* maintenance_prefix = "/ballast/maintenance/";  // + host: in maintenance, by whom
inline constexpr const char* boots_prefix = "/ballast/boots/";              // + host: see boots.h
inline constexpr const char* facts_prefix = "/ballast/facts/";              // + host: see known_facts.h
inline constexpr const char* to_site_prefix = "/ballast/to_site/";          // + host: its VMs leave for that site
inline constexpr const char* homes_prefix = "/ballast/homes/";              // + host: see homes.h

}  // namespace ballast::daemon
