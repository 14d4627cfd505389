// What the cluster's overview says, section by section. Pure: facts in, elements out.
import { el } from "./dom.js";
import * as words from "./words.js";

const isMoving = (operation) => operation.state !== "waiting";

export function bar(ratio, { label, low = false } = {}) {
  const share = Math.min(Math.max(ratio ?? 0, 0), 1);
  const level = low || ratio == null ? "calm" : ratio >= 0.95 ? "bad" : ratio >= 0.8 ? "warn" : "calm";
  return el("span", { class: "bar", "data-level": level, role: "img", "aria-label": label, style: { "--share": share } });
}

export const state = (of) => el("span", { class: "state", "data-level": words.levelOf(of) }, words.stateWord(of));

/// Of facts that came so many seconds ago.
export const howOld = (age) => `What you see is ${age < 5 ? "a few seconds" : words.duration(Math.floor(age / 5) * 5000)} old.`;

/// The one sentence, and the one below it. `live`: how the facts came.
export function verdict(facts, live) {
  if (live.trouble)
    return said("bad", "Nobody answers for the cluster", [live.trouble.message, facts && howOld(live.age)].filter(Boolean).join(". "));
  if (!facts && live.refused) return said("old", "No answer from the daemon", "Either it is down, or too many look at it already. It is asked again every few seconds.");
  if (!facts) return said("old", "Connecting …", "");
  const { status, operations, plan } = facts;
  const moving = operations.active.filter(isMoving);
  const waiting = operations.active.length - moving.length;
  const problems = status.problems.length;
  if (problems > 0)
    return said("bad", problems === 1 ? "One thing needs you" : `${problems} things need you`, doing(facts, moving));
  if (waiting > 0)
    return said("warn", `${words.count(waiting, "move waits", "moves wait")} for your approval`, doing(facts, moving));
  const staying = byVm(plan?.immovable).length;
  if (staying > 0) return said("warn", `${words.count(staying, "VM has", "VMs have")} to leave and cannot`, doing(facts, moving));
  if (status.paused) return said("warn", "Paused", `By ${status.paused_by}. Nothing is started until somebody resumes.`);
  if (!plan) return said("old", "No figures yet", "The first plan comes once all hosts were seen.");
  return said("good", "All is well", doing(facts, moving));
}

const mostReasons = 3;

// A VM has a refusal for each of its reasons, and for each host where it cannot go: those of one VM together.
function byVm(refusals) {
  const vms = new Map();
  for (const one of refusals ?? []) {
    if (!vms.has(one.vm)) vms.set(one.vm, { id: one.vm, name: one.vm_name, reasons: new Set() });
    vms.get(one.vm).reasons.add(`${one.target ? `${one.target}: ` : ""}${one.text}${one.detail ? ` (${one.detail})` : ""}`);
  }
  return [...vms.values()].map(({ id, name, reasons }) => {
    const more = reasons.size > mostReasons ? `; and ${reasons.size - mostReasons} more` : "";
    return { id, name, why: [...reasons].slice(0, mostReasons).join("; ") + more };
  });
}

const said = (level, headline, more) => ({ level, headline, more });

function doing({ status, plan, power }, moving) {
  const switching = power.filter((host) => host.state.startsWith("switching") || host.state === "fencing");
  if (moving.length > 0) {
    const why = moving[0].reason || words.triggerWord(moving[0].trigger);
    const what = moving.length === 1 ? `Moving ${moving[0].vm_name} from ${moving[0].from} to ${moving[0].to}` : `Moving ${moving.length} VMs`;
    return `${what}: ${why}`;
  }
  if (switching.length > 0) return `${switching[0].host} is ${words.stateWord(switching[0].state)}: ${switching[0].reason}`;
  const planned = plan ? plan.moves.length + plan.restarts.length + plan.power.length : 0;
  if (planned > 0 && status.mode === "observe")
    return `Ballast recommends ${words.count(planned, "step", "steps")} and takes none: it only observes.`;
  if (planned > 0) return `${words.count(planned, "step is", "steps are")} planned.`;
  if (status.findings.length > 0) return status.findings[0].text;
  return status.mode === "observe" ? "Nothing would be better elsewhere. Ballast only observes." : "Nothing would be better elsewhere.";
}

const modeWords = { observe: "recommends, moves nothing", confirm: "moves what you approve", automatic: "moves by itself" };

export function figures({ status, energy }) {
  const { hosts, vms } = status;
  const apart = [[hosts.off, "off"], [hosts.maintenance, "in maintenance"], [hosts.stale, "not heard of"], [hosts.lost, "lost"]]
    .filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`).join(", ");
  const draw = energy?.hosts.reduce((sum, host) => sum + (host.watts ?? 0), 0);
  const known = energy?.hosts.some((host) => host.watts != null);
  return [
    figure("Mode", status.paused ? "paused" : status.mode, status.paused ? `by ${status.paused_by}` : modeWords[status.mode]),
    figure("Hosts", `${hosts.up} of ${hosts.total}`, apart || "all answer"),
    figure("VMs", String(vms.running), vms.down > 0 ? `${vms.down} down with a lost host` : `${vms.movable} can move`),
    figure("Imbalance", status.imbalance == null ? words.unknown : words.percent(status.imbalance), "spread of the hosts’ CPU load"),
    known && figure("Power", words.watts(draw), `${words.kilowattHours(energy.saved_kwh)} saved so far`),
  ];
}

const figure = (name, value, more) =>
  el("div", { class: "figure", "data-key": name }, el("span", { class: "name" }, name), el("strong", {}, value), el("span", { class: "more" }, more));

const mostStaying = 10;

export function needs({ status, operations, plan }) {
  const waiting = operations.active.filter((operation) => !isMoving(operation));
  const staying = byVm(plan?.immovable);
  return [
    ...status.problems.map((text) => el("p", { class: "problem" }, text)),
    ...waiting.map((operation) => el("div", { class: "step", "data-key": operation.id }, route(operation), el("p", { class: "why" }, operation.reason))),
    waiting.length > 0 && el("p", { class: "how" }, "To start: ", el("code", {}, `ballastctl approve ${waiting.map(({ id }) => id).join(" ")}`)),
    ...staying.slice(0, mostStaying).map((vm) =>
      el("p", { class: "problem", "data-key": vm.id }, `${vm.name} has to leave its host and cannot: ${vm.why}`)),
    staying.length > mostStaying && el("p", { class: "how" }, `And ${staying.length - mostStaying} more: `, el("code", {}, "ballastctl plan")),
  ].filter(Boolean);
}

const route = ({ vm_name, from, to }) =>
  el("p", { class: "route" }, el("strong", {}, vm_name), " ", el("span", {}, host(from), words.arrow, host(to)));

export const host = (id) => el("a", { href: `#host=${encodeURIComponent(id)}` }, id);

export function now({ operations, power, status }) {
  const moving = operations.active.filter(isMoving);
  const switching = power.filter((one) => one.state.startsWith("switching") || one.state === "fencing");
  const rolling = status.rolling?.state === "running" ? status.rolling : null;
  const steps = [
    rolling && el("div", { class: "step", "data-key": "rolling" },
      el("p", { class: "route" }, el("strong", {}, "Rolling run"), ` ${rolling.host}: ${words.stateWord(rolling.step)}`),
      progress(rolling.done / Math.max(rolling.hosts.length, 1), `${rolling.done} of ${words.count(rolling.hosts.length, "host", "hosts")} done`)),
    ...moving.map((operation) => el("div", { class: "step", "data-key": operation.id },
      route(operation), el("p", { class: "why" }, operation.reason || `asked for by ${operation.requested_by}`), far(operation))),
    ...switching.map((one) => el("div", { class: "step", "data-key": `power ${one.host}` },
      el("p", { class: "route" }, el("strong", {}, host(one.host)), " ", state(one.state)), el("p", { class: "why" }, one.message || one.reason))),
  ].filter(Boolean);
  return steps.length > 0 ? steps : [el("p", { class: "nothing" }, "Nothing is under way.")];
}

// Time is all there is to go by: a migration is done when it is done, so the bar never says so before.
function far(operation) {
  const expected = operation.prediction.duration_ms;
  if (operation.elapsed_ms == null || !expected) return el("p", { class: "far" }, words.stateWord(operation.state));
  return progress(Math.min(operation.elapsed_ms / expected, 0.99),
    `${words.stateWord(operation.state)}, ${words.duration(operation.elapsed_ms)} of about ${words.duration(expected)}`);
}

function progress(ratio, text) {
  const done = Math.round(ratio * 100);
  return el("div", { class: "far" },
    el("span", { class: "bar", role: "progressbar", "aria-valuenow": done, "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": text, style: { "--share": ratio } }),
    el("span", {}, text));
}

const mostSteps = 12;

export function plan({ plan: planned, status, operations, at }) {
  if (!planned) return [el("p", { class: "nothing" }, "There is none yet.")];
  const steps = [
    ...planned.restarts.map((one) => step(one, "restart")),
    ...planned.moves.map((one) => step(one, "move")),
    ...planned.power.map((one) => el("div", { class: "step", "data-key": `power ${one.host}` },
      el("p", { class: "route" }, `Switch ${one.on ? "on" : "off"} `, host(one.host)), el("p", { class: "why" }, one.reason))),
  ];
  return [
    ...planned.findings.map((finding) => el("p", { class: "finding", "data-resolved": String(finding.resolved_by_plan) },
      ...named(finding), !finding.resolved_by_plan && el("span", { class: "open" }, " – not resolved by this plan"))),
    ...steps.slice(0, mostSteps),
    steps.length > mostSteps && el("p", { class: "how" }, `And ${steps.length - mostSteps} more: `, el("code", {}, "ballastctl plan")),
    steps.length === 0 && el("p", { class: "nothing" }, operations.active.length > 0 ? "Nothing beyond what is under way." : planned.findings.length > 0 ? "No step would help now." : "Nothing to do: no move would be worth its cost."),
    planned.brake && el("p", { class: "problem" }, planned.brake),
    ...planned.warnings.map((text) => el("p", { class: "problem" }, text)),
    el("p", { class: "when" }, `Made ${words.ago(status.last_cycle?.at, at)}; imbalance ${words.percent(planned.imbalance_before)}${steps.length > 0 ? `, after it ${words.percent(planned.imbalance_after)}` : ""}.`),
  ];
}

// Many texts begin with their host.
function named({ host: id, text }) {
  if (!id) return [text];
  return [el("strong", {}, host(id)), text.startsWith(`${id} `) ? text.slice(id.length) : ` ${text}`];
}

function step(one, kind) {
  const after = kind === "restart" ? "started there again" :
    `${words.triggerWord(one.trigger)}, about ${words.duration(one.prediction.duration_ms)}, ${words.duration(one.prediction.downtime_ms)} of it standing still`;
  return el("div", { class: "step", "data-key": one.vm }, route(one), el("p", { class: "why" }, one.reason), el("p", { class: "far" }, after));
}

const fewPast = 5;

export function history({ operations, at }, all) {
  const { ended } = operations;
  if (ended.length === 0) return [el("p", { class: "nothing" }, "No migration has ended yet.")];
  return [
    ...ended.slice(0, all ? ended.length : fewPast).map((operation) => past(operation, at)),
    !all && ended.length > fewPast && el("button", { type: "button", id: "earlier" }, `Show ${words.count(ended.length - fewPast, "earlier one", "earlier ones")}`),
  ];
}

function past(operation, at) {
  return el("div", { class: "step past", "data-key": operation.id },
    route(operation),
    el("p", { class: "far" }, state(operation.state), ` ${words.ago(operation.ended_at, at)}`, operation.outcome && `, took ${words.duration(operation.outcome.duration_ms)}`,
      operation.outcome?.downtime_ms != null && `, stood still ${words.duration(operation.outcome.downtime_ms)}`),
    el("p", { class: "why" }, (operation.state !== "done" && operation.message) || operation.reason || `asked for by ${operation.requested_by}`));
}

export function energyOf({ energy, hosts }) {
  if (!energy) return [];
  const off = hosts.filter((one) => one.power === "off");
  const guessed = energy.hosts.filter((one) => !one.measured).length;
  return [
    el("p", {}, `Used ${words.kilowattHours(energy.used_kwh)}, saved ${words.kilowattHours(energy.saved_kwh)}`, energy.since && ` since ${new Date(energy.since).toLocaleDateString()}`, "."),
    el("p", {}, off.length === 0 ? "No host is off." : [`Off: `, off.slice(0, 20).flatMap((one, i) => [i > 0 && ", ", host(one.id)]), off.length > 20 && ` and ${off.length - 20} more`]),
    guessed > 0 && el("p", { class: "when" }, `${words.count(guessed, "host is", "hosts are")} not measured but taken from a table.`),
  ];
}
