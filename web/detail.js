// One host in a dialog: why it is as it is, and its VMs. Asked for when it is opened, and again while it is.
import { el, show } from "./dom.js";
import { bar, state } from "./sections.js";
import * as words from "./words.js";

const askAgainAfter = 10000;
const mostVms = 100;

async function ask(target) {
  const answer = await fetch(target, { cache: "no-store" });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error?.message ?? `the daemon answered ${answer.status}`);
  return body;
}

export class Detail {
  #dialog;
  #host = null;
  #timer = null;
  #turn = 0;  // of opening and closing: what was asked for in an earlier one comes too late
  #why = new Map();

  constructor(dialog) {
    this.#dialog = dialog;
    dialog.addEventListener("close", () => { if (location.hash.startsWith("#host=")) history.pushState(null, "", location.pathname); this.#close(); });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest(".close")) dialog.close();  // beside it, or its button
      const vm = event.target.closest("[data-why]")?.dataset.why;
      if (vm) this.#explain(vm);
    });
    addEventListener("hashchange", () => this.follow());
    addEventListener("popstate", () => this.follow());
  }

  /// Shows the host that the address names, or none.
  follow() {
    const name = location.hash.startsWith("#host=") ? decodeURIComponent(location.hash.slice("#host=".length)) : null;
    if (name === this.#host) return;
    if (name === null) return this.#dialog.close();
    this.#close();
    this.#host = name;
    this.#say(el("p", { class: "nothing" }, "Asking …"));
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#look();
  }

  #close() {
    clearTimeout(this.#timer);
    ++this.#turn;
    this.#host = this.facts = this.verdict = null;
    this.#why.clear();
  }

  #say(...what) {
    show(this.#dialog.querySelector(".body"), el("h2", { id: "host-title" }, this.#host), ...what);
  }

  async #look() {
    const turn = this.#turn, name = encodeURIComponent(this.#host);
    try {
      const host = await ask(`/v1/hosts/${name}`);
      if (turn !== this.#turn) return;
      this.facts = host;
      this.#draw();
      const explained = await ask(`/v1/explain/host/${name}`);
      if (turn !== this.#turn) return;
      this.verdict = explained.verdict;
      this.#draw();
    } catch (error) {
      if (turn === this.#turn) this.#say(el("p", { class: "problem" }, error.message));
    }
    if (turn === this.#turn) this.#timer = setTimeout(() => this.#look(), askAgainAfter);
  }

  #draw() {
    if (this.facts) this.#say(...about(this.facts, this.verdict, this.#why));
  }

  async #explain(vm) {
    const turn = this.#turn;
    this.#why.set(vm, "Asking …");
    this.#draw();
    const said = await ask(`/v1/explain/vm/${encodeURIComponent(vm)}`).then((body) => body.verdict, (error) => error.message);
    if (turn !== this.#turn) return;
    this.#why.set(vm, said);
    this.#draw();
  }
}

function about(host, verdict, why) {
  const { cpu, memory, pressure: p } = host;
  const vms = host.vm_list.filter((vm) => vm.state !== "shut off").sort((a, b) => (b.cpu_used_cores ?? 0) - (a.cpu_used_cores ?? 0));
  return [
    el("p", {}, state(host.state), host.site && ` ${host.site}`),
    host.problem && el("p", { class: "problem" }, host.problem),
    ...host.health.map((one) => el("p", { class: "problem" }, one.text)),
    verdict && el("p", { class: "why" }, verdict),
    el("dl", {},
      item("CPU", `${cpu.used_cores == null ? words.unknown : cpu.used_cores.toFixed(1)} of ${cpu.capacity_cores} cores in use`, cpu.demand_ratio),
      item("Memory", `${words.bytes(memory.available_bytes)} of ${words.bytes(memory.total_bytes)} left`, memory.demand_ratio),
      item("CPU pressure", words.percent(p.cpu_some_ratio)), item("Memory pressure", words.percent(p.memory_full_ratio)), item("IO pressure", words.percent(p.io_full_ratio)),
      item("Power", words.stateWord(host.power === "on" ? "on" : host.power))),
    el("h3", {}, words.count(vms.length, "VM", "VMs")),
    vms.length > 0 && el("table", {},
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "VM"), el("th", { scope: "col", class: "number" }, "CPU"), el("th", { scope: "col", class: "number" }, "Memory"), el("th", { scope: "col" }, ""))),
      el("tbody", {}, vms.slice(0, mostVms).map((vm) => row(vm, why.get(vm.id))))),
    vms.length > mostVms && el("p", { class: "how" }, `And ${vms.length - mostVms} more: `, el("code", {}, `ballastctl vms --host ${host.id}`)),
  ];
}

const item = (name, text, ratio) => el("div", { "data-key": name }, el("dt", {}, name), el("dd", {}, ratio != null && bar(ratio, { label: words.percent(ratio) }), ratio != null && ` ${words.percent(ratio)}, `, text));

function row(vm, why) {
  const cores = vm.cpu_used_cores == null ? words.unknown : vm.cpu_used_cores.toFixed(1);
  return el("tr", { "data-key": vm.id },
    el("th", { scope: "row" }, vm.name || vm.id, vm.state !== "running" && [" ", state(vm.state)], (vm.operation || !vm.movable) && el("span", { class: "site" }, vm.operation ? " moves" : " stays"), why && el("p", { class: "why" }, why)),
    el("td", { class: "number" }, `${cores} / ${vm.vcpus}`), el("td", { class: "number" }, words.bytes(vm.memory_bytes)),
    el("td", {}, el("button", { type: "button", "data-why": vm.id, "aria-label": `Why is ${vm.name || vm.id} where it is?` }, "Why?")));
}
