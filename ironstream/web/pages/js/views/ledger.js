// The ledger: what the adapters sent, and where each reading is now. What does not add up is in colour.

import { get, path } from "../api.js";
import { h, put } from "../dom.js";
import { clock, number, words } from "../format.js";
import { empty, field, filled, heading, table } from "../parts.js";

const SPANS = [[900, "15 minutes"], [3600, "hour"], [21600, "6 hours"], [86400, "day"]];
/** What nobody can account for. */
const FAULTS = ["missing", "unexplained"];
const COLUMNS = [["Series"], ["Sent", "number"], ["Clean", "number"], ["Duplicate", "number"], ["Refused", "number"], ["Pending", "number"], ["Expired", "number wide"], ["Overflow", "number wide"], ["Missing", "number"], ["Unexplained", "number"]];

export async function show({ root, query, signal, title }) {
  title("Ledger");
  const inputs = Object.fromEntries(["tenant", "site", "asset"].map((name) => [name, h("input", { name, value: query.get(name) ?? "", autocomplete: "off", pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*" })]));
  const span = h("select", { name: "span" }, SPANS.map(([seconds, text]) => h("option", { value: seconds, selected: String(seconds) === query.get("span") }, `the last ${text}`)));
  const result = h("section.panel", { "aria-label": "Ledger", role: "region" });
  const form = h("form.tools", { onsubmit: (event) => (event.preventDefault(), count()) },
    Object.entries(inputs).map(([name, input]) => field(words(name), input)), field("Readings of", span), h("button.primary", { type: "submit" }, "Count"));
  put(root, heading("Ledger"), h("p.quiet", null, "Each reading has a number of its adapter's. Counted from Kafka: it takes some seconds."), form, put(result, empty("Not counted yet.", "Narrow it by tenant, site and asset, then count.")));

  async function count() {
    const asked = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value));
    const text = new URLSearchParams({ ...asked, span: span.value });
    history.replaceState(null, "", `#/ledger?${text}`);
    await filled(result, signal, async () => draw(await get("ledger", { ...asked, from: new Date(Date.now() - Number(span.value) * 1000).toISOString() }, signal)));
  }
  if (query.get("span")) await count();
}

function draw(got) {
  const { from, to, records } = got.covers;
  const told = [
    h("p.quiet", null, `${number(records)} records of telemetry.raw from ${clock(from)} to ${clock(to)}`, got.unreadable ? `, of which ${number(got.unreadable)} name no series` : ""),
    got.undecided ? h("p.attention", null, "What is missing may have come long before: not all of that was looked at.") : null,
    got.truncated ? h("p.attention", null, "There is more than is read at once: ask for a shorter time or a single asset.") : null,
  ];
  if (!got.items.length) return [told, empty("No reading in this time.")];
  const open = got.items.filter((one) => one.missing || one.unexplained).length;
  return [
    told,
    h("p", { class: open ? "attention" : "", data: { field: "verdict" } }, open ? `${number(open)} series do not add up.` : "Everything adds up."),
    table("Ledger", COLUMNS, got.items.map(cells), { class: "ledger" }),
  ];
}

function cells(one) {
  const refused = Object.entries(one.refused);
  return [
    h("a", { href: `#/series/${path(one.tenant, one.site, one.asset, one.parameter)}` }, `${one.asset} / ${one.parameter}`),
    ...["sent", "clean", "duplicate"].map((name) => number(one[name])),
    refused.length ? refused.map(([reason, many]) => `${words(reason)} ${number(many)}`).join(", ") : number(0),
    ...["pending", "expired", "overflow"].map((name) => number(one[name])),
    ...FAULTS.map((name) => h("span", { class: one[name] ? "attention" : "", title: name === "unexplained" ? one.unexplained_records.join(" ") : null }, number(one[name]))),
  ];
}
