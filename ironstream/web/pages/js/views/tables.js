// The agents' tables as of their last commits: any table, rows by the beginning of their key, one row in full.

import { get } from "../api.js";
import { mark, seenAt } from "../ages.js";
import { debounced, h, put } from "../dom.js";
import { number, words } from "../format.js";
import { Grid } from "../grid.js";
import { Paged } from "../paged.js";
import { keptInSight } from "../paged_grid.js";
import { dialog, empty, facts, filled, heading } from "../parts.js";

const PAGE = 100;
const BESIDE = 4;
/** As often as workers commit. */
const ROWS_MS = 2000;
const TABLES_MS = 5000;

export async function show({ root, parts, query, signal, title }) {
  title("Tables");
  const list = h("nav.panel.side", { "aria-label": "Tables" });
  const body = h("div.rest");
  put(root, heading("Tables"), h("div.with-side", null, list, body));
  const load = (quiet) => filled(list, signal, async () => {
    const { items } = await get("tables", {}, signal);
    const open = parts[0] ?? items[0]?.name;
    if (open && !body.hasChildNodes()) rows(body, items.find((one) => one.name === open) ?? { name: open }, query.get("key") ?? "", signal);
    return items.length
      ? h("ul", null, items.map((one) => h("li", { data: { key: one.name } }, h("a", { href: `#/tables/${encodeURIComponent(one.name)}`, title: one.description, "aria-current": one.name === open ? "page" : null }, words(one.name), h("span.number.quiet", null, number(one.rows))))))
      : empty("No table yet.", "Tables are there once a worker has run.");
  }, { quiet });
  const timer = setInterval(() => document.hidden || load(true), TABLES_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await load(false);
}

function rows(root, known, key, signal) {
  const { name } = known;
  const list = new Paged({
    size: PAGE,
    ask: async (limit, cursor) => {
      const page = await get(`tables/${encodeURIComponent(name)}`, { key: search.value.trim(), limit, cursor }, signal);
      return { items: numbered(page.items), next: page.next };
    },
    order: (one) => [one.key, one.partition, one.changelog_key, one.nth],
  });
  const grid = new Grid({
    label: `Rows of ${words(name)}`,
    template: "minmax(14rem,2fr) 4.5rem 5.5rem 6rem minmax(12rem,3fr)",
    columns: [
      { title: "Key", cell: (one) => h("span", { title: one.key }, one.key) },
      { title: "Part.", kind: "number wide", cell: (one) => one.partition },
      { title: "Offset", kind: "number wide", cell: (one) => number(one.changelog_offset) },
      { title: "Commit", kind: "number", cell: (one) => aged(one) },
      { title: "Row", kind: "wide", cell: (one) => h("span.quiet", null, brief(one.row)) },
    ],
    key: (one) => `${one.partition}/${one.changelog_key}/${one.nth}`,
    open: (one) => dialog(one.key, [facts(Object.entries(one.row ?? {}).map(([field, value]) => [words(field), h("code", { data: { field } }, whole(value))])),
      h("p.quiet", null, `partition ${one.partition}, commit ${one.commit ?? "–"}, changelog offset ${one.changelog_offset ?? "–"}`)]),
    blank: empty("No row begins with that.", "Keys are written tenant/site/asset/parameter."),
  });
  const state = h("div");
  const begin = keptInSight(grid, list, { state, signal, everyMs: ROWS_MS });
  const search = h("input", { type: "search", placeholder: "Key begins with  /", "aria-label": "Key begins with", value: key });
  search.addEventListener("input", debounced(() => {
    history.replaceState(null, "", `#/tables/${encodeURIComponent(name)}${search.value ? `?key=${encodeURIComponent(search.value)}` : ""}`);
    begin();
  }, 250));
  put(root, h("div.tools", null, h("h2", null, words(name)), search), known.description ? h("p.quiet", null, `${known.description}${known.agent ? `, agent ${known.agent}` : ""}`) : null, state, grid.element);
  begin();
}

/** With their number among those of their key in the changelog (several open windows), and with when their commit was. */
function numbered(items) {
  let before = {};
  return items.map(({ commit_age_s: age, ...one }) => {
    const again = one.partition === before.partition && one.changelog_key === before.changelog_key;
    before = { ...one, nth: again ? before.nth + 1 : 0, committed: seenAt(age) };
    return before;
  });
}

function aged(one) {
  const element = h("span.age");
  mark(element, one.committed, null);
  return element;
}

function brief(row) {
  return Object.entries(row ?? {}).filter(([name, value]) => name !== "key" && value !== null && typeof value !== "object").slice(0, BESIDE)
    .map(([name, value]) => `${words(name)} ${typeof value === "number" && !Number.isInteger(value) ? number(value) : value}`).join(" · ");
}

function whole(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}
