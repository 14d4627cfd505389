#include <cstdio>
#include "sim/trace/peers.h"
using namespace ballast::sim::trace;
int main(int c, char** v) {
  auto w = load_workload(v[1]); if (!w) { std::puts(ballast::to_string(w.error()).c_str()); return 1; }
  auto s = planetlab_setting(published_rules());
  PeerOptions o; o.peer = *peer_from(v[2]); if (c > 3) o.release = Release::v3_0_0;
  auto d = make_peer(o); auto m = simulate_day(s, *w, *d);
  std::printf("%s E %.5f M %zu SLAV %.6e SLATAH %.6f PDM %.6f ESV %.6e overall %.6f shut %zu act %.2f over %.4f\n", v[2], m.energy_kwh, m.migrations, m.slav(), 100*m.slatah(), 100*m.pdm(), m.esv(), 100*m.shortage(), m.shutdowns, m.mean_active_hosts(), 100*m.overload());
}
