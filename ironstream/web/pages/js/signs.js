// Signs of severity, quality and state. Each has a shape and a word besides its colour: grey is normal, colour is for
// what needs a person, and nobody has to tell red from green.

import { h, s } from "./dom.js";
import { words } from "./format.js";

export const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];
export const STATES = ["ACTIVE", "CLEARED_UNACKED", "ACKNOWLEDGED", "SUPPRESSED", "CLEARED"];
/** What nobody has taken notice of yet. */
export const UNACKED = new Set(["ACTIVE", "CLEARED_UNACKED"]);
const SHAPES = {
  CRITICAL: ["M2 2h16v16h-16z", "1"],
  HIGH: ["M10 1l9.5 17.5h-19z", "2"],
  MEDIUM: ["M10 .5l9.5 9.5-9.5 9.5-9.5-9.5z", "3"],
  LOW: ["M10 1.5a8.5 8.5 0 1 0 .01 0z", "4"],
  INFO: ["M10 1.5a8.5 8.5 0 1 0 .01 0z", "i"],
};
const QUALITY_MARKS = { SUSPECT: "?", UNCERTAIN: "~", BAD: "✕", STALE: "…" };

/** The shape of a severity with its number: filled when unacknowledged, an outline when somebody has it. */
export function severity(name, { acked = false, label = true } = {}) {
  const [shape, digit] = SHAPES[name] ?? SHAPES.INFO;
  return s(
    "svg.severity",
    { viewBox: "0 0 20 20", class: `${(name ?? "info").toLowerCase()} ${acked ? "acked" : "unacked"}`, role: "img",
      "aria-label": label ? words(name) : null, "aria-hidden": label ? null : "true" },
    label && s("title", null, words(name)),
    s("path", { d: shape }),
    s("text", { x: 10, y: name === "HIGH" ? 16.5 : 14.5, "text-anchor": "middle" }, digit),
  );
}

/** Quality in a word; what is good is grey and quiet. `reasons` follow it. */
export function quality(code, reasons = []) {
  if (!code) return h("span.quality.quiet", { data: { quality: "" } }, "never heard");
  const name = code;
  return h(
    "span.quality",
    { class: name.toLowerCase(), data: { quality: name } },
    QUALITY_MARKS[name] && h("span.mark", { "aria-hidden": "true" }, QUALITY_MARKS[name]),
    h("span", null, words(name)),
    reasons?.length ? h("span.reasons", null, ` ${reasons.map(words).join(", ")}`) : null,
  );
}

/** State of an alarm in words. */
export function alarmState(state) {
  const text = { CLEARED_UNACKED: "cleared, not seen", SUPPRESSED: "shelved" }[state] ?? words(state);
  return h("span.state", { class: words(state).replaceAll(" ", "-") }, text);
}

/** Health of what runs, as the API names it: ok is grey, and so is what nobody asked to run. */
export function health(name) {
  const text = words(name ?? "unknown");
  const level = /^(ok|has it)$/.test(text)
    ? "fine"
    : /^(behind|on its way|silent|refused)$/.test(text)
      ? "warn"
      : /^(disabled|unknown)$/.test(text)
        ? "off"
        : "down";
  const mark = { fine: "", warn: "!", off: "", down: "✕" }[level];
  return h("span.health", { class: level }, mark && h("span.mark", { "aria-hidden": "true" }, mark), text);
}

/** Counts of alarms by severity as shapes with numbers; nothing when there is none. */
export function severityCounts(bySeverity = {}, acked = false) {
  const present = SEVERITIES.filter((name) => bySeverity[name]);
  if (!present.length) return h("span.quiet", null, "none");
  return h(
    "span.counts",
    null,
    present.map((name) => h("span.count", { title: `${bySeverity[name]} ${words(name)}` }, severity(name, { acked }), String(bySeverity[name]))),
  );
}
