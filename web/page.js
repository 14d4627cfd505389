// Puts the page together: news in, sections out.
import { Detail } from "./detail.js";
import { el, show } from "./dom.js";
import { balance, chosen, rowsAtOnce, table } from "./hosts.js";
import { Live } from "./live.js";
import * as sections from "./sections.js";
import * as words from "./words.js";

const at = (id) => document.getElementById(id);
const choice = { find: "", sort: "attention", shown: rowsAtOnce, allPast: false };
const live = new Live(() => draw());
const detail = new Detail(at("host"));
let drawn = null;

function put(id, content) {
  at(id).hidden = content.length === 0;
  show(at(id).querySelector(".body"), content);
}

function draw() {
  drawVerdict();
  drawNews();
  if (!live.overview || live.overview === drawn) return;
  drawn = live.overview;
  at("figures").hidden = false;
  show(at("figures"), sections.figures(drawn));
  put("needs", sections.needs(drawn));
  put("now", sections.now(drawn));
  put("plan", sections.plan(drawn));
  put("history", sections.history(drawn, choice.allPast));
  put("energy", sections.energyOf(drawn));
  at("hosts").hidden = false;
  show(at("balance"), balance(drawn.hosts));
  drawHosts();
}

function drawHosts() {
  if (drawn) show(at("hosts").querySelector(".body"), table(chosen([...drawn.hosts], choice), choice.shown, drawn.energy));
}

function drawVerdict() {
  const old = live.isOld && !live.trouble;
  const { level, headline, more } = old && live.overview
    ? { level: "old", headline: live.connected ? "No news" : "The daemon does not answer", more: sections.howOld(live.age) }
    : sections.verdict(live.overview, live);
  at("verdict").dataset.level = level;
  document.body.classList.toggle("old", old || live.trouble !== null);
  document.title = level === "good" ? "Ballast" : `${headline} – Ballast`;
  show(at("verdict"), el("p", { class: "headline" }, headline), more && el("p", { class: "more" }, more));
}

function drawNews() {
  const { member, leader } = live.cluster ?? {};
  const who = !member ? "" : !leader ? `${member} answers, nobody leads. ` : member === leader ? `${leader} leads and answers. ` : `${member} answers, ${leader} leads. `;
  const when = live.overview ? `As of ${words.clock(live.overview.at)}` : "";
  show(at("news"), `${who}${when}`);
}

at("find").addEventListener("input", (event) => {
  choice.find = event.target.value;
  choice.shown = rowsAtOnce;
  drawHosts();
});
at("sort").addEventListener("change", (event) => {
  choice.sort = event.target.value;
  drawHosts();
});
at("hosts").addEventListener("click", (event) => {
  if (event.target.id !== "more") return;
  choice.shown += rowsAtOnce;
  drawHosts();
});
at("history").addEventListener("click", (event) => {
  if (event.target.id !== "earlier") return;
  choice.allPast = true;
  put("history", sections.history(drawn, true));
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  at("find").focus();
});
detail.follow();
