// Figures as people read them. What is not known reads as "–", never as zero.

export const unknown = "–";
export const arrow = " → ";
export const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;
export const percent = (ratio) => ratio == null ? unknown : `${Math.round(ratio * 100)} %`;
export const watts = (value) => value == null ? unknown : value >= 10000 ? `${(value / 1000).toFixed(1)} kW` : `${Math.round(value)} W`;
export const kilowattHours = (value) => value == null ? unknown : `${value < 100 ? value.toFixed(1) : Math.round(value)} kWh`;

export function duration(ms) {
  if (ms == null) return unknown;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 90) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  return s < 36 * 3600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

export function bytes(value) {
  if (value == null) return unknown;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/// "3 min ago" of an RFC 3339 time, as seen at `now`, another one.
export function ago(time, now) {
  if (!time) return unknown;
  const ms = Date.parse(now) - Date.parse(time);
  return ms < 5000 ? "just now" : `${duration(ms)} ago`;
}

export const clock = (time) => new Date(time).toLocaleTimeString();

const states = {
  ok: "ok", hot: "warm", overloaded: "overloaded", stale: "old figures", down: "no connection", lost: "lost",
  maintenance: "in maintenance", draining: "being emptied", degraded: "degraded", switching_off: "going off", off: "off",
  switching_on: "coming up", fencing: "being cut off", unknown: "not seen yet",
  waiting: "waits for approval", planned: "planned", prepared: "about to start", running: "moving", verifying: "verifying",
  done: "done", rolled_back: "rolled back", cancelled: "cancelled", failed: "failed",
};
export const stateWord = (state) => states[state] ?? String(state).replaceAll("_", " ");

const levels = {
  overloaded: "warn", stale: "warn", degraded: "warn", fencing: "bad", lost: "bad", down: "bad", failed: "bad",
  rolled_back: "warn", hot: "notice", maintenance: "notice", draining: "notice", switching_off: "notice", switching_on: "notice",
  off: "quiet", unknown: "quiet", cancelled: "quiet", done: "good", ok: "good",
};
export const levelOf = (state) => levels[state] ?? "notice";

const triggers = {
  overload: "overload", maintenance: "maintenance", rule_violation: "a rule", return_home: "coming home", balance: "balance",
  consolidation: "fewer hosts on", host_loss: "a lost host", manual: "an operator",
};
export const triggerWord = (trigger) => triggers[trigger] ?? String(trigger).replaceAll("_", " ");
