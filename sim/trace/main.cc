#include <cstdio>
#include <cstring>
#include "sim/trace/peers.h"
#include "sim/trace/ours.h"
using namespace ballast::sim::trace;
int main(int c, char** v) {
  double lb[] = {95.37,70.75,79.91,84.50,130.88,99.52,69.76};
  double be[] = {5.7126e-3,4.857691e-03,6.373287e-3,5.620243e-3,7.524161e-3,5.553379e-3,6.114445e-3};
  double b0[] = {2.787236e-3,1.881887e-3,3.554218e-3,2.885147e-3,4.867024e-3,3.506080e-3,4.088562e-3};
  double me[] = {26282,20682,23475,24252,34861,27968,22191};
  double m0[] = {17450,13309,17652,18199,24374,20633,18409};
  const char* days[] = {"20110303","20110306","20110309","20110325","20110403","20110411","20110420"};
  for (int i = 0; i < 7; ++i) {
  if (c > 1 && !std::strstr(v[1], days[i])) continue;
  auto w = load_workload(std::string("/work/shared/data/planetlab/") + days[i] + ".csv.gz"); 
  auto s = planetlab_setting(std::getenv("HONEST") ? honest_rules() : published_rules());
  auto d = make_ours([]{ ballast::policy::consolidation::Options o; if (std::getenv("AG")) o.aggressiveness = std::atof(std::getenv("AG")); if (std::getenv("CD")) o.cooldown_s = std::atof(std::getenv("CD")); return o; }()); std::size_t first = 0, tick = 0, rel = 0; double pdm1 = 0;
  auto m = simulate_day(s, *w, *d, [&](const Cluster& cl, const Decision& de) { if (!tick) first = de.moves.size(); if (tick == 1) pdm1 = cl.metrics().lost_in_migration; else if (tick) rel += de.moves.size(); ++tick; if (std::getenv("TICKS")) { double t=0, cap=0; int n=0, ov=0; for (HostIndex h = 0; h < cl.hosts().size(); ++h) { double r=0; for (auto x : cl.hosts()[h].vms) if (!cl.is_incoming(h,x)) r += cl.vms()[x].request; if (r > 0) { ++n; t += r; cap += cl.type(h).mips(); ov += r > cl.type(h).mips(); } } auto mm = cl.metrics(); std::fprintf(stderr, "k %zu hosts %d load %.3f over %d moves %zu viol %.0f pdm %.0f\n", tick, n, t/cap, ov, de.moves.size(), mm.violation_s, mm.lost_in_migration); } });
  std::printf("%s E %.2f (%.3f) M %zu (/%.0f %.2f, 3.0.0 %.2f) first %zu SLATAH %.3f over %.3f PDM %.6f (first %.6f) ESV %.2e (ratio %.2f of 1/200; 3.0.0 %.2f) short %.4f act %.2f ref %zu\n", days[i], m.energy_kwh, m.energy_kwh/lb[i], m.migrations, me[i]/15, m.migrations/(me[i]/15), m.migrations/(m0[i]/15), first, 100*m.slatah(), 100*m.overload(), 100*m.pdm(), 100*pdm1/m.requested, m.esv(), m.esv()/(be[i]/200), m.esv()/(b0[i]/200), 100*m.shortage(), m.mean_active_hosts(), m.refused_moves);
  }
}
