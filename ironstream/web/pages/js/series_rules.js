// Alarm rules of a series: in words for the page, as lines for the trend.

import { h } from "./dom.js";
import { number, words } from "./format.js";
import { severity } from "./signs.js";

/** Rules with their severity, each with what it watches for. */
export function shownRules(rules) {
  if (!rules.length) return h("p.quiet", null, "No alarm rule watches this series.");
  return h("ul.lines", null, rules.map((rule) => h("li", null, h("span.line", null, severity(rule.severity), h("span.name", null, rule.rule_id), h("span.text", { title: told(rule) }, told(rule))))));
}

function told(rule) {
  const limits = [rule.low, rule.high].filter((one) => one !== null).map(number).join(" to ");
  const seconds = (name, value) => (value ? `${name} ${number(value)} s` : null);
  return [
    `${words(rule.kind)}${limits ? ` ${limits}` : ""}`,
    seconds("for", rule.for_s),
    rule.deadband ? `deadband ${number(rule.deadband)}` : null,
    seconds("on after", rule.on_delay_s),
    seconds("off after", rule.off_delay_s),
    rule.on && rule.on !== "reading" && rule.on !== "readings" ? `on ${rule.on}` : null,
    rule.latched ? "latched" : null,
  ].filter(Boolean).join(", ");
}

/** Kinds of rules whose limits are values of the series; those of the others are seconds, rates or deviations. */
const OF_VALUES = new Set(["above", "below", "outside", "inside"]);

/** Lines of a trend: {at, name, alarm}. */
export function limitLines(known) {
  const lines = [];
  const { min, max } = known.range ?? {};
  if (typeof min === "number") lines.push({ at: min, name: "min", alarm: false });
  if (typeof max === "number") lines.push({ at: max, name: "max", alarm: false });
  for (const rule of known.rules ?? []) {
    if (!OF_VALUES.has(rule.kind)) continue;
    for (const at of [rule.low, rule.high]) if (typeof at === "number") lines.push({ at, name: rule.rule_id, alarm: true });
  }
  return lines;
}
