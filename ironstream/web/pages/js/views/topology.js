// The plant as it is declared: the flow of data now, who holds which version, versions and their differences.

import { get, post } from "../api.js";
import { h, put } from "../dom.js";
import { number, rate, words } from "../format.js";
import { draw } from "../graph.js";
import { dialog, empty, facts, field, filled, heading, notice, table, timeCell } from "../parts.js";
import { mayRollBack, seesAll } from "../rights.js";
import { health } from "../signs.js";

const REFRESH_MS = 5000;
const SHOWN = 20;

export async function show({ root, parts, query, signal, title, me }) {
  title("Topology");
  if (parts.length && !seesAll(me)) return void put(root, heading("Topology", [["topology", "#/topology"]]), empty("Versions belong to the whole plant.", "They are shown to whoever sees all tenants."));
  if (parts[0] === "diff") return differences(root, query, signal);
  if (parts[0] === "versions") return version(root, parts[1], signal);
  const whole = seesAll(me);
  const [holding, graph, participants, versions] = ["Holding", "Flow", "Participants", "Versions"].map((name) => h("section.panel", { "aria-label": name }));
  holding.classList.add("across");
  put(root, heading("Topology"), holding, graph, whole ? h("div.columns", null, versions, participants) : null);
  let drawn = null;
  const loadVersions = (quiet) => filled(versions, signal, async () => drawVersions(await get("topology/versions", { limit: 100 }, signal), mayRollBack(me)), { quiet });
  const live = (quiet) => [
    filled(holding, signal, async () => {
      const got = await get("topology", {}, signal);
      // somebody may have applied another version since
      if (whole && got.change?.number !== drawn) loadVersions(drawn !== null);
      drawn = got.change?.number;
      return drawHolding(got, whole);
    }, { quiet, rows: 1 }),
    filled(graph, signal, async () => drawGraph(await get("topology/graph", {}, signal)), { quiet, rows: 8 }),
    whole && filled(participants, signal, async () => drawParticipants((await get("topology/participants", {}, signal)).items), { quiet, rows: 3 }),
  ];
  const timer = setInterval(() => document.hidden || live(true), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await Promise.all(live(false));
}

function drawHolding(got, whole) {
  const change = got.change ?? {};
  if (got.version === null) return empty("No topology holds yet.", "The first worker, or ironstream apply, writes the first version.");
  return facts([
    ["version", h("strong", { data: { field: "version" } }, `v${got.version}`)],
    ["change", `${number(change.number)} (${words(change.action)})`],
    ["since", timeCell(change.time)],
    whole && ["by", change.author || "–"],
    change.reason && ["reason", change.reason],
    got.canary_gateway && ["tried first on", h("span.attention", null, got.canary_gateway)],
  ]);
}

function drawGraph({ nodes, edges }) {
  if (!nodes.length) return empty("Nothing flows yet.", "ironstream up starts what topology.yaml declares.");
  return [
    h("h2", null, "Flow"),
    h("p.hint", null, "Scroll sideways, from adapters to sinks."),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Flow of data" }, draw(nodes, edges)),
    h("details", null, h("summary", null, "The same as a table"),
      table("Stations", [["Kind"], ["Name"], ["Rate", "number"], ["Lag", "number"], ["Health"]], nodes.map((one) => [one.kind, one.name, one.rate === null ? "–" : `${rate(one.rate)} /s`, number(one.lag), health(one.health)]))),
  ];
}

function drawParticipants(items) {
  return [h("h2", null, "Participants"), items.length
    ? table("Participants", [["Name"], ["Role", "wide"], ["Version", "number"], ["State"], ["Partitions", "number wide"]], items.map((one) => ({ key: one.participant, cells: [
        one.participant,
        one.role,
        one.version === null ? "–" : `v${one.version}`,
        [health(one.state), one.refused ? h("div.attention.small", null, one.refused) : null],
        one.role === "worker" ? `${one.on} of ${one.of}` : "–",
      ] })))
    : empty("Nobody is there.", "Workers, gateways and sinks report every few seconds while they run.")];
}

function drawVersions(got, may) {
  const holds = got.changes[0]?.version;
  if (!got.items.length) return [h("h2", null, "Versions"), empty("No version yet.", "ironstream apply writes the first.")];
  return [
    h("h2", null, "Versions"),
    table("Versions", [["Version"], ["Written"], ["By", "wide"], ["Why"], [""]], got.items.map((one) => ({ key: `v${one.number}`, cells: [
      h("a", { href: `#/topology/versions/${one.number}` }, `v${one.number}`, one.number === holds ? h("small.quiet", null, " holds") : null),
      timeCell(one.time),
      one.author,
      [one.reason || h("span.quiet", null, "–"), one.gateway ? h("small.quiet", null, ` tried on ${one.gateway}`) : null],
      h("span.row-tools", null,
        one.parent ? h("a.button", { href: `#/topology/diff?from=${one.parent}&to=${one.number}` }, `v${one.parent} → v${one.number}`) : null,
        may && one.number !== holds && !one.gateway ? h("button", { type: "button", data: { rollback: String(one.number) }, onclick: () => back(one.number, got.changes[0].number) }, "Roll back") : null),
    ] }))),
    h("h3", null, "Changes"),
    table("Changes", [["Change", "number"], ["When"], ["By", "wide"], ["What"], ["Why"]], got.changes.slice(0, SHOWN).map((one) => ({ key: `change ${one.number}`, cells: [
      number(one.number), timeCell(one.time), one.author, `${words(one.action)} v${one.version}`, one.reason || h("span.quiet", null, "–"),
    ] }))),
  ];
}

/** `change`: the one that held when somebody decided so. */
function back(n, change) {
  dialog(`Roll back to v${n}`, [h("p", null, `Workers, gateways and sinks take v${n} at once, without a restart.`), field("Reason", h("input", { name: "reason", required: true, maxlength: 500 }))], "Roll back", async (form) => {
    await post("topology/rollback", { version: n, reason: form.get("reason"), expected_change: change });
    notice(`v${n} holds again`);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  });
}

async function version(root, n, signal) {
  const body = h("div.stack");
  put(root, heading(`Version ${n}`, [["topology", "#/topology"]]), body);
  await filled(body, signal, async () => {
    const got = await get(`topology/versions/${encodeURIComponent(n)}`, {}, signal);
    return Object.entries(got.files).map(([name, text]) => h("section.panel", null, h("h2", null, name), h("pre", { tabindex: "0" }, text)));
  });
}

async function differences(root, query, signal) {
  const [from, to] = [query.get("from"), query.get("to")];
  const body = h("div.stack");
  put(root, heading(`v${from} → v${to}`, [["topology", "#/topology"]]), body);
  await filled(body, signal, async () => {
    const got = await get("topology/diff", { from, to }, signal);
    return [
      h("section.panel", null, h("h2", null, "What changes"),
        got.plan_error ? h("p.attention", null, got.plan_error) : null,
        got.losses.map((one) => h("p.attention", null, one)),
        got.items.length
          ? table("What changes", [["Part"], ["Change"], ["Effect"], ["Series", "number wide"], ["Note", "wide"]], got.items.map((one) => [
              `${words(one.kind)} ${one.name || one.path}`, one.change, h("span", { class: ["stop", "restart"].includes(one.effect) ? "attention" : "" }, one.effect === "none" ? "–" : one.effect), number(one.series), one.note,
            ]))
          : empty("Nothing that runs changes.")),
      h("section.panel", null, h("h2", null, "Text"), diffText(got.text), got.truncated ? h("p.attention", null, "There is more than is shown.") : null),
    ];
  });
}

/** A unified diff; added and removed lines are told by their sign, by colour besides. */
function diffText(text) {
  if (!text.trim()) return empty("The text is the same.");
  return h("pre.diff", { tabindex: "0" }, text.split("\n").map((line, index) => h("span", { class: index < 2 ? "place" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : line.startsWith("@@") ? "place" : "" }, `${line}\n`)));
}
