// What a trend shows, made of readings or windows: columns for the chart, gaps, stretches of doubtful quality, a summary.
// Pure: no document, no clock.

import { ms } from "./format.js";

/** A reading later than this many intervals after the one before leaves a gap. */
const GAP_INTERVALS = 3;
const RANK = { GOOD: 0, SUSPECT: 1, UNCERTAIN: 2, BAD: 3 };

/**
 * Readings as points: {at (ms), value, low, high, code, reasons}, in order of time. Where two have the same time the
 * later one in the log is shown.
 */
export function pointsOfReadings(items) {
  return ordered(items.map((one) => {
    const value = typeof one.value === "number" ? one.value : null;
    return { at: ms(one.time), value, low: value, high: value, code: one.quality, reasons: one.reasons ?? [] };
  }));
}

/** Windows as points, at their beginnings; a window is as good as its worst reading. The last revision counts. */
export function pointsOfWindows(items) {
  return ordered(
    items.toSorted((a, b) => (a.revision ?? 0) - (b.revision ?? 0)).map((one) => {
      const { bad = 0, uncertain = 0, suspect = 0 } = one.quality ?? {};
      const code = bad ? "BAD" : uncertain ? "UNCERTAIN" : suspect ? "SUSPECT" : "GOOD";
      const reasons = code === "GOOD" ? [] : [`${bad + uncertain + suspect} of ${one.count + bad} not good`];
      return { at: ms(one.start), value: one.mean, low: one.min, high: one.max, code, reasons };
    }),
  );
}

/** A window of the stream, in the words of the lists. */
export function windowOf({ avg, ...rest }) {
  return { mean: avg ?? null, ...rest };
}

function ordered(points) {
  return [...new Map(points.filter((one) => one.at !== null).map((one) => [one.at, one])).values()].sort((a, b) => a.at - b.at);
}

/** From how many ms between two points on there is a gap. Without a known interval: ten times what is usual here. */
export function gapLimit(points, intervalS, sizeS) {
  if (sizeS) return sizeS * 1500;
  if (intervalS) return intervalS * GAP_INTERVALS * 1000;
  const steps = points.slice(1).map((one, index) => one.at - points[index].at).sort((a, b) => a - b);
  return steps.length ? Math.max(1000, steps[steps.length >> 1] * 10) : Infinity;
}

/** {columns: [times (s), low, high, value], gaps: [[from, to]], doubtful: [{from, to, code}]}, times of the last two in ms. */
export function shapes(points, limit) {
  const [times, low, high, value] = [[], [], [], []];
  const gaps = [];
  const doubtful = [];
  points.forEach((one, index) => {
    const before = points[index - 1];
    if (before && one.at - before.at > limit) {
      gaps.push([before.at, one.at]);
      times.push((before.at + one.at) / 2000);
      for (const column of [low, high, value]) column.push(null);
    }
    times.push(one.at / 1000);
    low.push(one.low);
    high.push(one.high);
    value.push(one.value);
    if (!RANK[one.code]) return;
    const next = points[index + 1];
    const to = next && next.at - one.at <= limit ? next.at : one.at + Math.min(limit / GAP_INTERVALS, 1000);
    const last = doubtful.at(-1);
    if (last && last.code === one.code && last.to >= one.at) last.to = to;
    else doubtful.push({ from: one.at, to, code: one.code });
  });
  return { columns: [times, low, high, value], gaps, doubtful };
}

/**
 * The part of a span of which nothing is known, as [from, to]; null where all was read. `partly`: which end was not,
 * "earlier" or "later". It is no gap: there may be readings.
 */
export function unreadSpan(points, from, to, partly) {
  if (!partly) return null;
  const span = partly === "earlier" ? [from, points[0]?.at ?? to] : [points.at(-1)?.at ?? from, to];
  return span[1] > span[0] ? span : null;
}

/** What stands in words below a trend, for who cannot see it too. */
export function summary(points, gaps) {
  const numbers = points.filter((one) => typeof one.value === "number");
  if (!numbers.length) return null;
  let [low, high] = [Infinity, -Infinity];
  for (const one of numbers) {
    low = Math.min(low, one.low);
    high = Math.max(high, one.high);
  }
  return { count: points.length, low, high, gaps: gaps.length, doubtful: points.filter((one) => RANK[one.code]).length };
}

/** The windows' size that gives a span a readable number of points; 0: the readings themselves. */
export function sizeFor(spanMs, sizes) {
  if (spanMs <= 16 * 60000) return 0;
  return sizes.find((size) => spanMs / size / 1000 <= 1500) ?? sizes.at(-1) ?? 0;
}
