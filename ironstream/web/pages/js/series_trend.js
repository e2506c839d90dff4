// The trend of a series: which span at which resolution, what was read of it, and what has come since.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { h, perFrame, put } from "./dom.js";
import { clock, count, ms, number, size } from "./format.js";
import { failure, loading, passes } from "./parts.js";
import { limitLines } from "./series_rules.js";
import { STATES, quality } from "./signs.js";
import { gapLimit, pointsOfReadings, pointsOfWindows, shapes, sizeFor, summary, unreadSpan, windowOf } from "./trend.js";

const PAGE = 10000;
/** A long span of readings comes in several answers; beyond that many a part is shown. */
const PAGES = 5;
const DIGITS = { CRITICAL: "1", HIGH: "2", MEDIUM: "3", LOW: "4", INFO: "i" };
const NARROWEST_MS = 2000;
const WIDEST_MS = 90 * 86400000;
const SLIDE_MS = 1000;
const RETRY_MS = 10000;

export class Trend {
  constructor({ where, name, signal, asset, changed }) {
    Object.assign(this, { where, name, signal, asset, changed });
    this.sizes = [];
    this.items = [];
    /** What the stream has brought while a span is asked for; else null. */
    this.since = null;
    /** Which end of the span was not read: "earlier", "later", or null. */
    this.partly = null;
    this.alarms = [];
    this.view = { live: true, spanS: 900, chosen: null };
    this.canvas = h("div.chart", { role: "img", tabindex: "0" });
    this.under = h("div.readout", { "aria-live": "off" });
    this.told = h("p.summary");
    this.note = h("div");
    this.element = h("section.panel.trend", { "aria-label": "Trend" }, this.note, this.canvas, this.under, this.told);
    this.redraw = perFrame(() => this.draw());
  }

  /** What the series is, its sizes of windows, and what the address asks for. */
  begin(known, sizes, query) {
    this.known = known;
    this.sizes = sizes;
    this.chart = new Chart(this.canvas, { label: `Trend of ${this.name}`, pick: (from, to) => this.go(from, to), point: (index) => this.point(index) });
    const timer = setInterval(() => this.view.live && !document.hidden && this.redraw(), SLIDE_MS);
    this.signal.addEventListener("abort", () => (clearInterval(timer), this.chart.close()));
    const chosen = query.get("size");
    this.view.chosen = chosen === null ? null : Number(chosen);
    const [from, to] = [ms(query.get("from")), ms(query.get("to"))];
    if (from && to && to > from) this.go(from, to);
    else this.last(Number(query.get("span")) || 900);
    this.loadAlarms();
  }

  /** The last `spanS` seconds, and on with the time. */
  last(spanS = this.view.spanS ?? 900) {
    Object.assign(this.view, { live: true, spanS });
    this.load();
  }

  /** From one moment to another. Beyond now means: follow. */
  go(fromMs, toMs) {
    const wide = Math.min(WIDEST_MS, Math.max(NARROWEST_MS, toMs - fromMs));
    const from = Math.min((fromMs + toMs - wide) / 2, Date.now() - NARROWEST_MS);
    Object.assign(this.view, { live: false, from, to: from + wide, spanS: wide / 1000 });
    this.load();
  }

  pan(share) {
    const [from, to] = this.bounds();
    const by = (to - from) * share;
    if (to + by >= Date.now()) this.last(Math.round((to - from) / 1000));
    else this.go(from + by, to + by);
  }

  zoom(factor) {
    const [from, to] = this.bounds();
    if (this.view.live) this.last(Math.max(NARROWEST_MS / 1000, Math.round(this.view.spanS * factor)));
    else this.go((from + to) / 2 - ((to - from) * factor) / 2, (from + to) / 2 + ((to - from) * factor) / 2);
  }

  resolution(chosen) {
    this.view.chosen = chosen === "auto" ? null : Number(chosen);
    this.load();
  }

  bounds() {
    if (!this.view.live) return [this.view.from, this.view.to];
    const now = Date.now();
    return [now - this.view.spanS * 1000, now];
  }

  async load() {
    const [from, to] = this.bounds();
    const sizeS = this.view.chosen ?? sizeFor(to - from, this.sizes);
    this.turn = (this.turn ?? 0) + 1;
    const mine = this.turn;
    Object.assign(this.view, { from, to, sizeS });
    this.changed(this.view);
    const live = this.view.live;
    this.since = [];
    this.canvas.classList.add("waiting");
    if (!this.items.length) put(this.note, loading(1));
    try {
      const parameters = { size_s: sizeS || null, from: new Date(from).toISOString(), to: live ? null : new Date(to).toISOString(), order: live ? "newest" : null, limit: PAGE };
      let items = [];
      let cursor = null;
      let pages = 0;
      do {
        const page = await get(`${this.where}/${sizeS ? "aggregates" : "readings"}`, { ...parameters, cursor }, this.signal);
        if (mine !== this.turn) return;
        // what goes on with the time is read from now backwards: live readings join on to it
        items = live ? page.items.concat(items) : items.concat(page.items);
        cursor = page.next;
      } while (cursor && ++pages < PAGES);
      this.items = items.concat(this.since);
      this.partly = cursor ? (live ? "earlier" : "later") : null;
      put(this.note, cursor ? h("p.attention", null, "There is more in this span than was read: a part is shown, the rest is grey. Choose windows, or a shorter span.") : null);
      this.draw();
    } catch (error) {
      if (this.signal.aborted || mine !== this.turn) return;
      put(this.note, failure(error, () => this.load()));
      if (passes(error)) setTimeout(() => !this.signal.aborted && mine === this.turn && this.load(), RETRY_MS);
    } finally {
      if (mine === this.turn) {
        this.since = null;
        this.canvas.classList.remove("waiting");
      }
    }
  }

  async loadAlarms() {
    const { parameter, ...asset } = this.asset;
    const page = await get("alarms", { ...asset, state: STATES, limit: 500 }, this.signal).catch(() => ({ items: [] }));
    this.alarms = page.items
      .filter((alarm) => alarm.parameter === parameter)
      .map((alarm) => ({ from: ms(alarm.raised_at), to: ms(alarm.cleared_at) ?? Infinity, severity: alarm.severity, digit: DIGITS[alarm.severity] ?? "i" }))
      .filter((alarm) => alarm.from !== null);
    this.redraw();
  }

  /** A reading from the stream. */
  reading({ value, quality: code, reasons, time }) {
    if (this.view.sizeS || !this.view.live) return;
    this.add({ value, quality: code, reasons, time });
  }

  /** A window from the stream: new, or restated. */
  window(one) {
    if (one.size_s !== this.view.sizeS || !this.view.live) return;
    this.add(windowOf(one));
  }

  add(item) {
    this.items.push(item);
    this.since?.push(item);
    if (this.items.length > (PAGES + 1) * PAGE) {
      this.items.splice(0, PAGE);
      this.partly = "earlier";
    }
    this.redraw();
  }

  draw() {
    if (!this.chart || this.signal.aborted) return;
    const [from, to] = this.bounds();
    const all = this.view.sizeS ? pointsOfWindows(this.items) : pointsOfReadings(this.items);
    this.points = all.filter((one) => one.at >= from - 5000 && one.at <= to + 5000);
    const limit = gapLimit(this.points, this.known.expected_interval_s, this.view.sizeS);
    const made = shapes(this.points, limit);
    const last = this.points.at(-1);
    // silence that still lasts is a gap too
    if (last && this.view.live && to - last.at > limit + (this.view.sizeS ?? 0) * 2000) made.gaps.push([last.at, to]);
    const unread = unreadSpan(this.points, from, to, this.partly);
    const alarms = this.alarms.map((alarm) => ({ ...alarm, to: Math.min(alarm.to, to) }));
    this.chart.set(made.columns, { gaps: made.gaps, unread, doubtful: made.doubtful, limits: limitLines(this.known), alarms }, from, to);
    this.times = made.columns[0];
    this.tell(made.gaps, unread);
  }

  tell(gaps, unread) {
    const got = summary(this.points, gaps);
    const unit = this.known.unit ?? "";
    const kind = this.view.sizeS ? `windows of ${size(this.view.sizeS)}` : "readings";
    const rest = unread ? `; from ${clock(unread[0])} to ${clock(unread[1])} not read (grey)` : "";
    put(
      this.told,
      got
        ? `${number(got.count)} ${kind}, ${number(got.low)} to ${number(got.high)} ${unit}` +
            `${got.gaps ? `, ${count(got.gaps, "gap")} (hatched)` : ""}${got.doubtful ? `, ${number(got.doubtful)} not good (strip below)` : ""}` +
            rest
        : `No ${kind} from ${clock(this.bounds()[0])} to ${clock(this.bounds()[1])}${rest}.`,
    );
  }

  /** What is under the pointer, in words. */
  point(index) {
    const at = index === null || index === undefined ? null : this.times?.[index];
    const one = at ? this.points.find((point) => point.at === Math.round(at * 1000)) : null;
    if (!one) return put(this.under);
    const spread = this.view.sizeS ? h("span.quiet", null, `${number(one.low)} to ${number(one.high)}`) : null;
    return put(this.under, h("span", null, clock(one.at, { millis: true })), h("strong", null, `${number(one.value)} ${this.known.unit ?? ""}`), spread, quality(one.code, one.reasons));
  }
}
