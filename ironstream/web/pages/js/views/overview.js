// The plant at a glance: totals, sites with their worst state, and what needs a person.

import { get, path } from "../api.js";
import { atMost, h, put } from "../dom.js";
import { age, count, number, rate } from "../format.js";
import * as live from "../live.js";
import { empty, facts, filled, heading, timeCell } from "../parts.js";
import { redraw } from "../redraw.js";
import { alarmState, quality, severity, severityCounts } from "../signs.js";

const REFRESH_MS = 5000;
/** Between two looks at the alarms, however many change. */
const ALARMS_MS = 1000;
const SHOWN = 8;
/** Worst first; what the list of things to look at is asked for. */
const WORSE = ["BAD", "STALE", "UNCERTAIN", "SUSPECT"];

export async function show({ root, signal, title }) {
  title("Overview");
  const totals = h("section.totals", { "aria-label": "Totals" });
  const sites = h("section.sites", { "aria-label": "Sites" });
  const alarms = h("section.panel", { "aria-label": "Alarms that wait" });
  const assets = h("section.panel", { "aria-label": "Assets to look at" });
  put(root, heading("Overview"), totals, sites, h("div.columns", null, alarms, assets));

  const draw = (overview) => {
    if (!overview?.sites || signal.aborted) return;
    redraw(totals, drawTotals(overview));
    redraw(sites, overview.sites.length ? overview.sites.map(drawSite) : nothingYet());
  };
  const loadAlarms = (quiet = true) => filled(alarms, signal, async () => drawAlarms(await get("alarms", { state: ["ACTIVE", "CLEARED_UNACKED"], limit: 200 }, signal)), { quiet });
  const loadAssets = (quiet = true) => filled(assets, signal, async () => drawAssets(await worst(signal)), { quiet });
  live.on("overview", draw, signal);
  live.on("alarm", atMost(loadAlarms, ALARMS_MS, signal), signal);
  const timer = setInterval(() => document.hidden || (loadAlarms(), loadAssets()), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await Promise.all([filled(sites, signal, async () => draw(await get("overview", {}, signal))), loadAlarms(false), loadAssets(false)]);
}

function drawTotals(overview) {
  const sum = (of) => overview.sites.reduce((total, site) => total + (of(site) ?? 0), 0);
  const version = overview.topology ?? {};
  return facts([
    ["Readings", h("span", { data: { field: "readings_per_s" } }, rate(overview.readings_per_s), h("small", null, " /s"))],
    ["Lag", h("span", { class: overview.lag_records > 10000 ? "attention" : "" }, number(overview.lag_records), h("small", null, " records"))],
    ["Committed", h("span", { class: overview.uncommitted_s === null || overview.uncommitted_s === undefined ? "" : "attention" }, age(overview.commit_age_s), h("small", null, " ago"))],
    ["Series", number(sum((site) => site.series))],
    ["Alarms", h("a", { href: "#/alarms" }, `${number(sum((site) => site.alarms?.active))}`, h("small", null, ` active, ${number(sum((site) => site.alarms?.unacked))} unacked`))],
    ["Processes", h("a", { href: "#/topology" }, processes(overview.participants ?? {}))],
    ["Topology", h("a", { href: "#/topology" }, `v${version.version ?? "–"}`, version.author ? h("small", null, ` by ${version.author}`) : null)],
  ]);
}

function processes({ workers, gateways, sinks }) {
  return [h("span", { class: workers ? "" : "attention" }, number(workers)), h("small", null, ` ${workers === 1 ? "worker" : "workers"}, ${count(gateways, "gateway")}, ${count(sinks, "sink")}`)];
}

function drawSite(site) {
  return h(
    "a.site",
    { href: `#/assets?tenant=${encodeURIComponent(site.tenant)}&site=${encodeURIComponent(site.site)}`, data: { key: `${site.tenant}/${site.site}`, site: `${site.tenant}/${site.site}`, worst: site.worst } },
    h("h2", null, site.name || site.site, h("small", null, `${site.tenant} / ${site.site}`)),
    h("div.worst", null, site.worst === "GOOD" ? h("span.quiet", null, "all good") : [quality(site.worst), site.stale_series ? h("small.quiet", null, ` ${number(site.stale_series)} stale`) : null]),
    facts([
      ["assets", number(site.assets)],
      ["series", number(site.series)],
      ["readings", `${rate(site.readings_per_s)} /s`],
      ["alarms", severityCounts(site.alarms?.by_severity)],
    ]),
  );
}

function nothingYet() {
  return empty("No site yet.", "A site appears with its first reading, or once topology.yaml declares it.", h("p", null, h("code", null, "ironstream up --simulator"), " starts a plant to look at."));
}

function drawAlarms(page) {
  const rank = { CRITICAL: 0, HIGH: 1, MEDIUM: 2, LOW: 3, INFO: 4 };
  const items = page.items.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
  return [
    h("h2", null, "Alarms that wait", h("a.more", { href: "#/alarms?show=unacked" }, page.next ? "more than 200" : items.length > SHOWN ? `all ${items.length}` : "alarm list")),
    items.length
      ? h("ul.lines", null, items.slice(0, SHOWN).map((alarm) =>
          h("li", { data: { key: alarm.alarm_id } },
            h("a", { href: `#/alarms?id=${encodeURIComponent(alarm.alarm_id)}` },
              severity(alarm.severity), h("span.name", null, alarm.asset), h("span.text", null, alarm.message || alarm.type), alarmState(alarm.state), timeCell(alarm.raised_at)))))
      : empty("No alarm waits for anybody."),
  ];
}

async function worst(signal) {
  const lists = await Promise.all(WORSE.map((name) => get("assets", { worst: name, limit: SHOWN }, signal)));
  const items = lists.flatMap((list) => list.items).slice(0, SHOWN);
  const any = items.length || (await get("assets", { limit: 1 }, signal)).items.length;
  return { items, any, more: lists.some((list) => list.next) };
}

function drawAssets({ items, any, more }) {
  return [
    h("h2", null, "Assets to look at", h("a.more", { href: "#/assets" }, more ? "more" : "all assets")),
    items.length
      ? h("ul.lines", null, items.map((asset) =>
          h("li", { data: { key: path(asset.tenant, asset.site, asset.asset) } },
            h("a", { href: `#/asset/${path(asset.tenant, asset.site, asset.asset)}` },
              quality(asset.worst), h("span.name", null, asset.asset), h("span.text", null, asset.name && asset.name !== asset.asset ? asset.name : asset.machine_type ?? ""),
              h("span.quiet", null, asset.stale_series ? `${count(asset.stale_series, "stale series", "stale series")}` : ""), timeCell(asset.last_reading_at)))))
      : any ? empty("Every asset is good and fresh.") : empty("No asset yet."),
  ];
}
