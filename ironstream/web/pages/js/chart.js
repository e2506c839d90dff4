// A trend drawn by uPlot: value with its spread, limits, gaps, quality and alarms. Dragging chooses a span.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { inUtc, number } from "./format.js";

const STRIP = 7;

/** `pick(fromMs, toMs)` is called when a span was chosen, `point(index or null)` when the pointer moves. */
export class Chart {
  constructor(root, { label, pick, point }) {
    this.root = root;
    this.marks = { gaps: [], unread: null, doubtful: [], limits: [], alarms: [] };
    this.span = null;
    const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
    this.colour = colour;
    const axis = { stroke: () => colour("--quiet"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const options = {
      ...this.size(),
      tzDate: (seconds) => (inUtc() ? uPlot.tzDate(new Date(seconds * 1000), "UTC") : new Date(seconds * 1000)),
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { time: true, range: (_, low, high) => this.span ?? [low, high] }, y: { range: (_, low, high) => this.height(low, high) } },
      axes: [{ ...axis, space: 80, values: times }, { ...axis, size: 64, values: (_, values) => values.map(number) }],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: () => colour("--trend"), width: 1.5, spanGaps: false, points: { size: 4, fill: () => colour("--trend") } },
      ],
      bands: [{ series: [2, 1], fill: () => colour("--spread") }],
      hooks: {
        drawAxes: [() => this.behind()],
        draw: [() => this.before()],
        setCursor: [(plot) => point(plot.cursor.left >= 0 ? plot.cursor.idx : null)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 5) pick(plot.posToVal(left, "x") * 1000, plot.posToVal(left + width, "x") * 1000);
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
    };
    this.plot = new uPlot(options, [[], [], [], []], root);
    root.querySelector("canvas").setAttribute("aria-hidden", "true");
    root.setAttribute("aria-label", label);
    this.watcher = new ResizeObserver(() => this.plot.setSize(this.size()));
    this.watcher.observe(root);
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => this.plot.redraw(false, true);
    this.theme.addEventListener("change", this.repaint);
  }

  /** Columns as of `shapes`, marks beside them, and the span in ms that is shown. */
  set(columns, marks, fromMs, toMs) {
    Object.assign(this.marks, marks);
    this.span = [fromMs / 1000, toMs / 1000];
    this.plot.setData(columns, true);
  }

  close() {
    this.watcher.disconnect();
    this.theme.removeEventListener("change", this.repaint);
    this.plot.destroy();
  }

  size() {
    return { width: Math.max(200, this.root.clientWidth), height: Math.max(220, this.root.clientHeight) };
  }

  /** Room above and below; limits are taken in when they are near, so that they do not flatten the trend. */
  height(low, high) {
    if (low === null || high === null || low === undefined) return [0, 1];
    let spread = high - low || Math.abs(high) * 0.1 || 1;
    for (const { at } of this.marks.limits) {
      if (at >= low - spread * 1.5 && at <= high + spread * 1.5) [low, high] = [Math.min(low, at), Math.max(high, at)];
    }
    spread = high - low || spread;
    return [low - spread * 0.08, high + spread * 0.08];
  }

  x(ms) {
    return this.plot.valToPos(ms / 1000, "x", true);
  }

  clipped(draw) {
    const { ctx, bbox } = this.plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw(ctx, bbox, devicePixelRatio || 1);
    ctx.restore();
  }

  behind() {
    this.clipped((ctx, box, scale) => {
      if (this.marks.unread) {
        const [from, to] = this.marks.unread.map((at) => this.x(at));
        ctx.fillStyle = this.colour("--line");
        ctx.fillRect(from, box.top, to - from, box.height);
      }
      for (const [from, to] of this.marks.gaps) this.hatch(ctx, this.x(from), box.top, this.x(to) - this.x(from), box.height, "--gap", 8 * scale);
      for (const { at, alarm } of this.marks.limits) {
        const y = Math.round(this.plot.valToPos(at, "y", true)) + 0.5;
        ctx.strokeStyle = this.colour(alarm ? "--limit-alarm" : "--limit");
        ctx.lineWidth = scale;
        ctx.setLineDash(alarm ? [8 * scale, 4 * scale] : [2 * scale, 4 * scale]);
        ctx.beginPath();
        ctx.moveTo(box.left, y);
        ctx.lineTo(box.left + box.width, y);
        ctx.stroke();
      }
    });
  }

  before() {
    this.clipped((ctx, box, scale) => {
      const strip = STRIP * scale;
      for (const { from, to, code } of this.marks.doubtful) {
        const width = Math.max(2 * scale, this.x(to) - this.x(from));
        const top = box.top + box.height - strip;
        ctx.fillStyle = this.colour(`--${code.toLowerCase()}`);
        if (code === "BAD") ctx.fillRect(this.x(from), top, width, strip);
        else this.hatch(ctx, this.x(from), top, width, strip, `--${code.toLowerCase()}`, (code === "SUSPECT" ? 5 : 3) * scale);
      }
      // whatever was drawn before has left its own
      ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.textBaseline = "alphabetic";
      for (const { from, to, severity, digit } of this.marks.alarms) {
        const left = Math.max(box.left, this.x(from));
        const right = Math.max(left + 2 * scale, this.x(to));
        if (right < box.left || left > box.left + box.width) continue;
        ctx.fillStyle = this.colour(`--${severity.toLowerCase()}`);
        ctx.fillRect(left, box.top, right - left, 3 * scale);
        ctx.globalAlpha = 0.08;
        ctx.fillRect(left, box.top, right - left, box.height);
        ctx.globalAlpha = 1;
        ctx.fillRect(left, box.top, scale, box.height);
        ctx.fillRect(left, box.top, 14 * scale, 15 * scale);
        ctx.fillStyle = this.colour(`--on-${severity.toLowerCase()}`);
        ctx.fillText(digit, left + 4 * scale, box.top + 12 * scale);
      }
      for (const { at, name } of this.marks.limits) {
        ctx.fillStyle = this.colour("--quiet");
        ctx.textAlign = "right";
        ctx.fillText(name, box.left + box.width - 4 * scale, this.plot.valToPos(at, "y", true) - 4 * scale);
        ctx.textAlign = "left";
      }
    });
  }

  hatch(ctx, left, top, width, height, name, step) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.strokeStyle = this.colour(name);
    ctx.lineWidth = Math.max(1, step / 4);
    ctx.beginPath();
    for (let x = left - height; x < left + width; x += step) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** Times of the axis in 24 hours; the day where it changes. */
function times(plot, splits, _axis, _space, step) {
  let day = null;
  return splits.map((seconds) => {
    const date = inUtc() ? uPlot.tzDate(new Date(seconds * 1000), "UTC") : new Date(seconds * 1000);
    const two = (value) => String(value).padStart(2, "0");
    const text = `${two(date.getHours())}:${two(date.getMinutes())}${step < 60 ? `:${two(date.getSeconds())}` : ""}`;
    const now = `${date.getDate()} ${date.toLocaleString("en-GB", { month: "short" })}`;
    const first = day !== null && day !== now;
    day = now;
    return step >= 86400 ? now : first ? `${text}\n${now}` : text;
  });
}
