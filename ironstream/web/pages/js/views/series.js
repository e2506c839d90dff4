// One series: its trend at any span and resolution, with quality, gaps, alarms and limits, and its windows as a table.

import { get, path } from "../api.js";
import { limitOf, mark, seenAt } from "../ages.js";
import { saveCsv } from "../csv.js";
import { atMost, h, put, say } from "../dom.js";
import { clock, ms, number, size } from "../format.js";
import { key } from "../keys.js";
import * as live from "../live.js";
import { choice, facts, failure, heading, notice } from "../parts.js";
import { redraw } from "../redraw.js";
import { quality } from "../signs.js";
import { Trend } from "../series_trend.js";
import { windowsTable } from "../series_windows.js";
import { shownRules } from "../series_rules.js";

const SPANS = [[300, "5 min"], [900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "1 d"], [604800, "7 d"]];
const REFRESH_MS = 5000;

export async function show({ root, parts, query, signal, title }) {
  const [tenant, site, asset, parameter] = parts;
  const where = path("series", tenant, site, asset, parameter);
  const name = parts.join("/");
  title(`${parameter} of ${asset}`);
  let known = null;
  let newest = 0;
  const now = h("section.now", { "aria-label": "Now", data: { ages: "", series: name } });
  const value = h("span.value", { data: { field: "value" } });
  const unit = h("span.unit");
  const state = h("span");
  const age = h("span.age");
  put(now, h("div.big", null, value, " ", unit), state, h("div.quiet", null, "age ", age));
  const details = h("section.panel", { "aria-label": "Limits and rules" });
  const windows = h("section.panel", { "aria-label": "Windows" });
  const csv = h("button", { type: "button", title: "Save the span that is shown as a file", data: { command: "csv" }, onclick: () => saved() }, "CSV");
  const trend = new Trend({
    where, name, signal,
    asset: { tenant, site, asset, parameter },
    changed: (view) => {
      const parameters = { from: view.live ? null : new Date(view.from).toISOString(), to: view.live ? null : new Date(view.to).toISOString(), span: view.live ? view.spanS : null, size: view.chosen };
      const text = new URLSearchParams(Object.entries(parameters).filter(([, one]) => one !== null && one !== undefined)).toString();
      history.replaceState(null, "", `#/series/${path(...parts)}${text ? `?${text}` : ""}`);
      tools();
    },
  });
  const saved = async () => {
    const [from, to] = trend.bounds().map((at) => new Date(at).toISOString());
    const { sizeS } = trend.view;
    csv.disabled = true;
    try {
      const { more } = await saveCsv(`${where}/${sizeS ? "aggregates" : "readings"}`, { size_s: sizeS || null, from, to }, { once: Boolean(sizeS), signal });
      if (more) notice("The file has not all of the span, and says so in its last row: choose a shorter span, or windows, for the rest.", "refused");
    } catch (error) {
      if (!signal.aborted) notice(`No file: ${error.message}`, "refused");
    }
    csv.disabled = false;
  };
  const buttons = h("div.tools");
  const tools = () => {
    const sizes = trend.sizes;
    redraw(
      buttons,
      choice("Span", SPANS, trend.view.live ? trend.view.spanS : null, (span) => trend.last(span)),
      choice("Resolution", [["auto", "Auto"], [0, "Raw"], ...sizes.map((one) => [one, size(one)])], trend.view.chosen ?? "auto", (one) => trend.resolution(one)),
      h("div.choice", { role: "group", "aria-label": "Move" },
        h("button", { type: "button", title: "Earlier (←)", "aria-label": "Earlier", onclick: () => trend.pan(-0.5) }, "←"),
        h("button", { type: "button", title: "Later (→)", "aria-label": "Later", onclick: () => trend.pan(0.5) }, "→"),
        h("button", { type: "button", title: "Closer (+)", "aria-label": "Closer", onclick: () => trend.zoom(0.5) }, "+"),
        h("button", { type: "button", title: "Wider (−)", "aria-label": "Wider", onclick: () => trend.zoom(2) }, "−"),
        h("button", { type: "button", title: "Follow the newest (0)", "aria-pressed": String(trend.view.live), onclick: () => trend.last() }, "Now")),
    );
  };
  put(
    root,
    heading(parameter, [["assets", "#/assets"], [site, `#/assets?tenant=${encodeURIComponent(tenant)}&site=${encodeURIComponent(site)}`], [asset, `#/asset/${path(tenant, site, asset)}`]], now),
    h("div.tools.trend-tools", null, buttons, csv),
    trend.element,
    h("div.columns", null, windows, details),
  );
  for (const [keys, what, action] of [["ArrowLeft", "earlier", () => trend.pan(-0.5)], ["ArrowRight", "later", () => trend.pan(0.5)], ["+", "closer", () => trend.zoom(0.5)], ["-", "wider", () => trend.zoom(2)], ["0", "follow the newest", () => trend.last()]]) {
    key(keys, what, action, signal);
  }

  const say_ = (got, code, reasons, at) => {
    newest = at;
    say(value, number(got));
    value.dataset.value = got ?? "";
    redraw(state, quality(code, reasons));
  };
  const draw = (got) => {
    known = got;
    const asOf = ms(got.as_of) ?? 0;
    if (asOf >= newest) {
      say_(got.value, got.quality, got.quality_reasons, asOf);
      mark(age, seenAt(got.age_s), limitOf(got), got.stale);
    }
    say(unit, got.unit ?? "");
    redraw(details, drawDetails(got));
    live.follow([name]);
  };
  live.on("reading", (reading) => {
    if (reading?.series !== name) return;
    const asOf = ms(reading.as_of) ?? 0;
    trend.reading(reading);
    if (asOf < newest) return;
    say_(reading.value, reading.quality, reading.reasons, asOf);
    mark(age, live.here(ms(reading.aged_from)), limitOf(known));
  }, signal);
  live.on("window", (window) => window?.series === name && trend.window(window), signal);
  const alarmed = atMost(() => trend.loadAlarms(), 1000, signal);
  live.on("alarm", (alarm) => (alarm?.tenant === tenant && alarm.site === site && alarm.asset === asset) && alarmed(), signal);
  const timer = setInterval(() => document.hidden || get(where, {}, signal).then(draw, () => null), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));

  try {
    draw(await get(where, {}, signal));
  } catch (error) {
    if (signal.aborted) return;
    put(root, heading(parameter, [["assets", "#/assets"]]), failure(error, () => location.reload()));
    return;
  }
  trend.begin(known, known.window_sizes_s, query);
  await windowsTable(windows, { where, name, sizes: trend.sizes, unit: known.unit, signal });
}

function drawDetails(got) {
  const range = got.range ?? {};
  return [
    h("h2", null, "Limits and rules"),
    facts([
      ["expected every", got.expected_interval_s ? `${number(got.expected_interval_s)} s` : "not known"],
      ["range", typeof range.min === "number" || typeof range.max === "number" ? `${number(range.min)} to ${number(range.max)} ${got.unit ?? ""}` : "none"],
      got.stuck_after_s && ["stuck after", `${number(got.stuck_after_s)} s unchanged`],
      ["stale after", `${number(got.stale_after_s)} s`],
      ["steepest change", got.max_rate ? `${number(got.max_rate)} ${got.unit ?? ""}/s` : "any"],
      ["device time", clock(got.device_time, { millis: true })],
      ["in Kafka", clock(got.kafka_time, { millis: true })],
    ]),
    shownRules(got.rules ?? []),
  ];
}
