// Gateways and what they run: pipelines with their health, then the sinks with how far behind they are.

import { get, path } from "../api.js";
import { mark, seenAt } from "../ages.js";
import { h, put } from "../dom.js";
import { number, rate } from "../format.js";
import { dialog, empty, facts, filled, heading, table, timeCell } from "../parts.js";
import { health } from "../signs.js";

const REFRESH_MS = 5000;

export async function show({ root, signal, title }) {
  title("Gateways");
  const [gateways, pipelines, sinks] = ["Gateways", "Pipelines", "Sinks"].map((name) => h("section.panel", { "aria-label": name }));
  put(root, heading("Gateways"), gateways, pipelines, sinks);
  const load = (quiet) => Promise.all([
    filled(gateways, signal, async () => drawGateways((await get("gateways", {}, signal)).items), { quiet, rows: 2 }),
    filled(pipelines, signal, async () => drawPipelines((await get("pipelines", {}, signal)).items), { quiet, rows: 4 }),
    filled(sinks, signal, async () => drawSinks((await get("sinks", {}, signal)).items), { quiet, rows: 2 }),
  ]);
  const timer = setInterval(() => document.hidden || load(true), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await load(false);
}

function age(one) {
  const element = h("span.age");
  mark(element, seenAt(one.age_s), null);
  return element;
}

function drawGateways(items) {
  if (!items.length) return [h("h2", null, "Gateways"), empty("No gateway is named, and none is there.", "ironstream gateway NAME runs the pipelines of one.")];
  return h("div.cards", null, items.map((one) => h("article.card", { data: { key: one.name, gateway: one.name } },
    h("h2", null, one.name, one.health === "covered" ? h("span.health.off", null, `run by ${one.covered_by}`) : health(one.health)),
    one.covered_by ? h("p.quiet", null, `No process of that name is there. ${one.covered_by}, which was started without a name, runs its pipelines.`) : null,
    facts([
      ["host", one.hostname ?? "–"],
      ["topology", one.version === null ? "–" : `v${one.version}`],
      ["processes", number(one.processes.length)],
      ["pipelines", number(one.pipelines.length)],
      ["readings", `${rate(one.readings_per_s)} /s`],
      ["last", age(one)],
    ]),
    one.detail ? h("p.attention", null, one.detail) : null,
    one.processes.filter((process) => process.refused).map((process) => h("p.attention", null, `${process.name}: ${process.refused}`)))));
}

function drawPipelines(items) {
  return [h("h2", null, "Pipelines"), items.length
    ? table("Pipelines", [["Pipeline"], ["Adapter", "wide"], ["Gateway", "wide"], ["Assets", "number wide"], ["Every", "number wide"], ["Health"], ["Rate", "number"], ["Last", "number"]],
      items.map((one) => ({ key: one.id, cells: [
        h("button.plain", { type: "button", onclick: () => configuration(one) }, one.id), one.adapter, one.gateway ?? "–",
        one.asset ? h("a", { href: `#/asset/${path(one.tenant, one.site, one.asset)}` }, one.asset) : number(one.assets),
        one.poll_interval_s ? `${number(one.poll_interval_s)} s` : "–", health(one.health), `${rate(one.readings_per_s)} /s`, age(one)] })))
    : empty("No pipeline.", "topology.yaml declares them under pipelines.")];
}

function drawSinks(items) {
  return [h("h2", null, "Sinks"), items.length
    ? table("Sinks", [["Sink"], ["Kind", "wide"], ["Health"], ["Lag", "number"], ["Topics", "wide"], ["Written until", "number"]],
      items.map((one) => ({ key: one.id, cells: [
        one.config ? h("button.plain", { type: "button", onclick: () => configuration(one) }, one.id) : one.id, one.kind, health(one.health),
        h("span", { class: one.health === "behind" ? "attention" : "" }, number(one.lag_records)), one.topics.join(", "), one.written_until ? timeCell(one.written_until) : "–"] })))
    : empty("No sink.", "topology.yaml declares them under sinks.")];
}

/** What a pipeline or a sink is told to do; secrets never come here. */
function configuration(one) {
  dialog(one.id, [one.members ? h("p.quiet", null, `run by ${one.members.join(", ") || "nobody"}`) : null, h("pre", { tabindex: "0" }, JSON.stringify(one.config, null, 2))]);
}
