// A small trend without axes: the shape of the last minutes beside a value.

import { get, path } from "./api.js";
import { h, perFrame } from "./dom.js";
import { ms } from "./format.js";

const SPAN_MS = 5 * 60000;
const WIDTH = 120;
const HEIGHT = 24;
const POINTS = 3000;
/** Trends are read from the log: a page of many parameters must not ask for all at once. */
const AT_ONCE = 2;

export class Sparkline {
  constructor(series) {
    this.series = series;
    this.points = [];
    this.element = h("canvas.spark", { width: WIDTH * 2, height: HEIGHT * 2, "aria-hidden": "true" });
    this.redraw = perFrame(() => this.draw());
  }

  add(at, value) {
    // what the stream repeats, or brings late, makes no line that goes back
    if (typeof value !== "number" || at <= (this.points.at(-1)?.[0] ?? 0)) return;
    this.points.push([at, value]);
    if (this.points.length > POINTS) this.points.shift();
    this.redraw();
  }

  /** What was before the stream began. */
  async seed(signal) {
    const [tenant, site, asset, parameter] = this.series.split("/");
    const from = new Date(Date.now() - SPAN_MS).toISOString();
    const page = await get(`${path("series", tenant, site, asset, parameter)}/readings`, { from, limit: POINTS }, signal);
    const first = this.points[0]?.[0] ?? Infinity;
    const before = page.items.filter((one) => typeof one.value === "number" && ms(one.time) < first).map((one) => [ms(one.time), one.value]);
    this.points = before.concat(this.points);
    this.redraw();
  }

  draw() {
    const context = this.element.getContext("2d");
    const style = getComputedStyle(this.element);
    const end = Date.now();
    const shown = this.points.filter(([at]) => at >= end - SPAN_MS);
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    if (shown.length < 2) return;
    const values = shown.map(([, value]) => value);
    const low = Math.min(...values);
    // a value that hardly moves is a flat line, not noise blown up to the full height
    const spread = Math.max(Math.max(...values) - low, Math.abs(low) * 0.002, 1e-9);
    context.strokeStyle = style.color;
    context.lineWidth = 1.2;
    context.beginPath();
    shown.forEach(([at, value], index) => {
      const x = ((at - end + SPAN_MS) / SPAN_MS) * (WIDTH - 2) + 1;
      const y = HEIGHT - 3 - ((value - low) / spread) * (HEIGHT - 6);
      if (index) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.stroke();
  }
}

/** Fill the trends that come into sight, two at a time. */
export function seeded(sparks, signal) {
  const waiting = [];
  let running = 0;
  const next = () => {
    while (running < AT_ONCE && waiting.length && !signal.aborted) {
      running++;
      waiting
        .shift()
        .seed(signal)
        .catch(() => null) // a trend is an extra: the value beside it says what failed
        .finally(() => (running--, next()));
    }
  };
  const byElement = new Map(sparks.map((spark) => [spark.element, spark]));
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      waiting.push(byElement.get(target));
    }
    next();
  });
  sparks.forEach((spark) => watcher.observe(spark.element));
  signal.addEventListener("abort", () => watcher.disconnect());
}
