// One asset: each parameter with value, unit, quality and its reason, trend, place within its limits, and age.

import { get, path } from "../api.js";
import { limitOf, mark, seenAt } from "../ages.js";
import { atMost, h, put, s, say } from "../dom.js";
import { ms, number, rate } from "../format.js";
import * as live from "../live.js";
import { empty, failure, filled, heading, loading, table, timeCell } from "../parts.js";
import { redraw } from "../redraw.js";
import { alarmState, quality, severity } from "../signs.js";
import { Sparkline, seeded } from "../sparkline.js";

const REFRESH_MS = 5000;
/** Between two looks at the alarms, however many change. */
const ALARMS_MS = 1000;
const COLUMNS = [["Parameter"], ["Value", "number"], ["Unit", "unit"], ["Quality"], ["Last 5 min", "wide"], ["Within limits", "wide"], ["Rate", "number wide"], ["Age", "number"], ["Alarms"]];

export async function show({ root, parts, signal, title }) {
  const [tenant, site, asset] = parts;
  const where = path("assets", tenant, site, asset);
  title(asset);
  const body = h("div");
  const alarms = h("section.panel", { "aria-label": "Alarms of this asset" });
  const note = h("div");
  put(root, heading(asset, [["assets", "#/assets"], [site, `#/assets?tenant=${encodeURIComponent(tenant)}&site=${encodeURIComponent(site)}`]]), note, put(body, loading(8)), alarms);
  const rows = new Map();
  let names = "";

  const draw = (got) => {
    if (signal.aborted) return;
    put(note);
    const head = root.querySelector("h1");
    say(head, got.name || asset);
    if (got.name && got.name !== asset) head.append(h("small", null, asset));
    if (got.machine_type) head.append(h("small", null, got.machine_type));
    const now = got.series.map((one) => one.parameter).join("\n");
    if (now !== names || !rows.size) {
      names = now;
      build(got);
    }
    for (const one of got.series) rows.get(one.parameter)?.set(one);
  };
  const build = (got) => {
    rows.clear();
    for (const one of got.series) rows.set(one.parameter, new Row(tenant, site, asset, one));
    put(
      body,
      got.series.length
        ? table(`Parameters of ${asset}`, COLUMNS, [], { class: "parameters" })
        : empty("No series yet.", "A parameter appears with its first reading."),
    );
    body.querySelector("tbody")?.append(...[...rows.values()].map((one) => one.element));
    live.follow(got.series.map((one) => `${tenant}/${site}/${asset}/${one.parameter}`));
    seeded([...rows.values()].map((one) => one.spark), signal);
  };
  const load = async () => draw(await get(where, {}, signal));
  const loadAlarms = () => filled(alarms, signal, async () => drawAlarms(await get("alarms", { tenant, site, asset, limit: 200 }, signal)), { quiet: true });

  live.on("reading", (reading) => {
    const name = reading?.series?.split("/")[3];
    rows.get(name)?.take(reading);
  }, signal);
  const changed = atMost(loadAlarms, ALARMS_MS, signal);
  live.on("alarm", (alarm) => (alarm?.tenant === tenant && alarm.site === site && alarm.asset === asset) && changed(), signal);
  const timer = setInterval(() => {
    if (!document.hidden) load().catch((error) => signal.aborted || put(note, failure(error)));
  }, REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await Promise.all([filled(body, signal, load), loadAlarms()]);
}

/** One parameter, whose cells change in place: a reading makes no new element. */
class Row {
  constructor(tenant, site, asset, one) {
    this.name = one.parameter;
    this.newest = 0;
    this.series = `${tenant}/${site}/${asset}/${one.parameter}`;
    const href = `#/series/${path(tenant, site, asset, one.parameter)}`;
    this.value = h("td.number.value", { data: { field: "value" } });
    this.unit = h("td.unit");
    this.quality = h("td");
    this.spark = new Sparkline(this.series);
    this.limits = h("td.wide");
    this.rate = h("td.number.wide");
    this.age = h("span.age");
    this.alarms = h("td");
    this.element = h(
      "tr",
      { data: { series: this.series, ages: "" } },
      h("th", { scope: "row" }, h("a", { href }, this.name)),
      this.value, this.unit, this.quality, h("td.wide", null, this.spark.element), this.limits, this.rate, h("td.number", null, this.age), this.alarms,
    );
  }

  /** As the server knows it: never behind what the stream has brought since. */
  set(one) {
    this.known = one;
    say(this.unit, one.unit ?? "");
    say(this.rate, one.rate_per_s ? `${rate(one.rate_per_s)} /s` : "–");
    redraw(this.alarms, (one.alarms ?? []).length ? h("a", { href: `#/alarms?id=${encodeURIComponent(one.alarms[0])}` }, h("span.attention", null, `${one.alarms.length} on`)) : h("span.quiet", null, "–"));
    const asOf = ms(one.as_of) ?? 0;
    if (asOf < this.newest) return;
    this.newest = asOf;
    this.say(one.value, one.quality, one.quality_reasons);
    mark(this.age, seenAt(one.age_s), limitOf(one), one.stale);
  }

  /** A reading from the stream. */
  take(reading) {
    this.spark.add(ms(reading.time) ?? Date.now(), reading.value);
    const asOf = ms(reading.as_of) ?? 0;
    if (asOf < this.newest) return;
    this.newest = asOf;
    this.say(reading.value, reading.quality, reading.reasons);
    mark(this.age, live.here(ms(reading.aged_from)), limitOf(this.known));
  }

  say(value, code, reasons) {
    say(this.value, number(value));
    this.value.title = value === null || value === undefined ? "no value" : String(value);
    this.value.dataset.value = value ?? "";
    redraw(this.quality, quality(code, reasons));
    redraw(this.limits, within(value, this.known?.range));
  }
}

/** A bar from min to max with a pointer at the value: where it stands is read without reading numbers. */
function within(value, range) {
  const { min, max } = range ?? {};
  if (typeof min !== "number" || typeof max !== "number" || typeof value !== "number") return h("span.quiet", null, "–");
  const place = Math.max(0, Math.min(1, (value - min) / (max - min)));
  const out = value < min || value > max;
  return s("svg.within", { viewBox: "0 0 104 14", class: out ? "out" : "", role: "img", "aria-label": `${number(value)} of ${number(min)} to ${number(max)}` },
    s("title", null, `${number(min)} to ${number(max)}`),
    s("rect", { x: 2, y: 5, width: 100, height: 5 }),
    s("path", { d: `M${2 + place * 100} 12l-4 -10h8z` }));
}

function drawAlarms(page) {
  const present = page.items.filter((alarm) => alarm.state !== "CLEARED");
  return [
    h("h2", null, "Alarms"),
    present.length
      ? h("ul.lines", null, present.map((alarm) =>
          h("li", { data: { key: alarm.alarm_id } }, h("a", { href: `#/alarms?id=${encodeURIComponent(alarm.alarm_id)}` },
            severity(alarm.severity, { acked: alarm.state === "ACKNOWLEDGED" }), h("span.name", null, alarm.type), h("span.text", null, alarm.message ?? ""), alarmState(alarm.state), timeCell(alarm.raised_at)))))
      : empty("No alarm on this asset."),
  ];
}
