// The hosts: how even their load is, and a list that shows those first that matter, some at a time.
import { el, svg } from "./dom.js";
import { bar, host as link, state } from "./sections.js";
import * as words from "./words.js";

export const rowsAtOnce = 50;

const urgency = { bad: 0, warn: 1, notice: 2, good: 3, quiet: 4 };
const urgencyOf = (host) => Math.min(urgency[words.levelOf(host.state)], host.health.length > 0 || host.stale ? 1 : 9);
const by = (figure) => (a, b) => (figure(b) ?? -1) - (figure(a) ?? -1) || byName(a, b);
const names = new Intl.Collator("en", { numeric: true });
const byName = (a, b) => names.compare(a.id, b.id);
const cpu = (host) => host.cpu.demand_ratio;

const orders = {
  attention: (a, b) => urgencyOf(a) - urgencyOf(b) || by(cpu)(a, b),
  name: byName,
  cpu: by(cpu),
  memory: by((host) => host.memory.demand_ratio),
  vms: by((host) => host.vms),
};

export function chosen(hosts, { find, sort }) {
  const wanted = find.trim().toLowerCase();
  const text = (host) => `${host.id} ${words.stateWord(host.state)} ${host.site}`.toLowerCase();
  return hosts.filter((host) => !wanted || text(host).includes(wanted)).sort(orders[sort]);
}

/// One bar a host, the fullest first, and a line at their mean: even is flat.
export function balance(hosts) {
  const loads = hosts.filter((host) => host.power === "on" && cpu(host) != null).map(cpu).sort((a, b) => b - a);
  if (loads.length < 2) return [];
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  const level = (load) => load >= 0.95 ? "bad" : load >= 0.8 ? "warn" : "calm";
  const y = (load) => 100 - Math.min(load, 1) * 100;
  const gap = loads.length > 100 ? 0 : 0.15;
  const label = `CPU load of ${loads.length} hosts: from ${words.percent(loads.at(-1))} to ${words.percent(loads[0])}, ${words.percent(mean)} on average`;
  return [
    svg("svg", { class: "balance", viewBox: `0 0 ${loads.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      loads.map((load, i) => svg("rect", { x: i + gap / 2, y: y(load), width: 1 - gap, height: 100 - y(load), "data-level": level(load) })),
      svg("line", { x1: 0, x2: loads.length, y1: y(mean), y2: y(mean) })),
    el("p", { class: "when" }, `${label}.`),
  ];
}

export function table(hosts, shown, energy) {
  if (hosts.length === 0) return [el("p", { class: "nothing" }, "No host fits.")];
  const drawn = new Map((energy?.hosts ?? []).map((account) => [account.host, account.watts]));
  const left = hosts.length - shown;
  return [
    el("table", {},
      el("thead", {}, el("tr", {},
        el("th", { scope: "col" }, "Host"), el("th", { scope: "col" }, "CPU"), el("th", { scope: "col" }, "Memory"),
        el("th", { scope: "col", class: "wide" }, "Pressure"), el("th", { scope: "col", class: "number" }, "VMs"),
        drawn.size > 0 && el("th", { scope: "col", class: "wide number" }, "Power"))),
      el("tbody", {}, hosts.slice(0, shown).map((host) => row(host, drawn)))),
    left > 0 && el("button", { type: "button", id: "more" }, `Show ${Math.min(left, rowsAtOnce)} more of ${left}`),
  ];
}

function row(host, drawn) {
  const apart = host.state !== "ok" && state(host.state);
  return el("tr", { "data-key": host.id, "data-level": words.levelOf(host.state) },
    el("th", { scope: "row" }, link(host.id), host.site && el("span", { class: "site" }, ` ${host.site}`), apart && [" ", apart], host.problem && el("span", { class: "site" }, ` ${host.problem}`)),
    el("td", {}, load(cpu(host), "CPU")),
    el("td", {}, load(host.memory.demand_ratio, "memory")),
    el("td", { class: "wide" }, pressure(host)),
    el("td", { class: "number" }, String(host.vms), flow(host)),
    drawn.size > 0 && el("td", { class: "wide number" }, words.watts(drawn.get(host.id))));
}

const load = (ratio, of) => el("span", { class: "load" }, bar(ratio, { label: `${of} ${words.percent(ratio)}` }), el("span", { "aria-hidden": "true" }, words.percent(ratio)));

// Only what is felt: a host without pressure has an empty cell.
function pressure({ pressure: p, cpu: { ready_ratio } }) {
  const felt = [["CPU", p.cpu_some_ratio], ["memory", p.memory_full_ratio], ["IO", p.io_full_ratio], ["ready", ready_ratio]]
    .filter(([, ratio]) => ratio != null && ratio >= 0.05).map(([name, ratio]) => `${name} ${words.percent(ratio)}`);
  return felt.join(", ");
}

const flow = ({ incoming, outgoing }) => (incoming || outgoing) > 0 &&
  el("span", { class: "flow" }, incoming > 0 && ` +${incoming}`, outgoing > 0 && ` −${outgoing}`);
