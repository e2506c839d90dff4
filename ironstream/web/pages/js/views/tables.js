// The agents' tables as of their last commits: any table, rows by the beginning of their key, one row in full.

import { get } from "../api.js";
import { mark, seenAt } from "../ages.js";
import { debounced, h, put } from "../dom.js";
import { number, words } from "../format.js";
import { Grid } from "../grid.js";
import { dialog, empty, facts, failure, filled, heading } from "../parts.js";

const PAGE = 200;
const BESIDE = 4;

export async function show({ root, parts, query, signal, title }) {
  title("Tables");
  const list = h("nav.panel.side", { "aria-label": "Tables" });
  const body = h("div.rest");
  put(root, heading("Tables"), h("div.with-side", null, list, body));
  await filled(list, signal, async () => {
    const items = (await get("tables", {}, signal)).items;
    const open = parts[0] ?? items[0]?.name;
    if (open) rows(body, items.find((one) => one.name === open) ?? { name: open }, query.get("key") ?? "", signal);
    return items.length
      ? h("ul", null, items.map((one) => h("li", null, h("a", { href: `#/tables/${encodeURIComponent(one.name)}`, title: one.description, "aria-current": one.name === open ? "page" : null }, words(one.name), h("span.number.quiet", null, number(one.rows))))))
      : empty("No table yet.", "Tables are there once a worker has run.");
  });
}

async function rows(root, known, begin, signal) {
  const { name } = known;
  let next = null;
  let items = [];
  let turn = 0;
  const state = h("div");
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
    key: (one) => one.place,
    open: (one) => dialog(one.key, [facts(Object.entries(one.row ?? {}).map(([field, value]) => [words(field), h("code", { data: { field } }, whole(value))])),
      h("p.quiet", null, `partition ${one.partition}, commit ${one.commit ?? "–"}, changelog offset ${one.changelog_offset ?? "–"}`)]),
    blank: empty("No row begins with that.", "Keys are written tenant/site/asset/parameter."),
    more: () => (next ? load(next) : null),
  });
  const load = async (cursor) => {
    const mine = cursor ? turn : ++turn;
    try {
      const page = await get(`tables/${encodeURIComponent(name)}`, { key: search.value.trim(), limit: PAGE, cursor }, signal);
      if (mine !== turn) return;
      const from = cursor ? items.length : 0;
      // a key may have several rows: open windows of several sizes
      const fresh = page.items.map((one, index) => ({ ...one, place: `${from + index}` }));
      items = cursor ? items.concat(fresh) : fresh;
      next = page.next;
      put(state);
      grid.set(items);
    } catch (error) {
      if (!signal.aborted) put(state, failure(error, () => load(null)));
    }
  };
  const search = h("input", { type: "search", placeholder: "Key begins with  /", "aria-label": "Key begins with", value: begin });
  search.addEventListener("input", debounced(() => {
    history.replaceState(null, "", `#/tables/${encodeURIComponent(name)}${search.value ? `?key=${encodeURIComponent(search.value)}` : ""}`);
    load(null);
  }, 250));
  put(root, h("div.tools", null, h("h2", null, words(name)), search), known.description ? h("p.quiet", null, `${known.description}${known.agent ? `, agent ${known.agent}` : ""}`) : null, state, grid.element);
  await load(null);
}

function aged(one) {
  const element = h("span.age");
  mark(element, seenAt(one.commit_age_s), null);
  return element;
}

function brief(row) {
  return Object.entries(row ?? {}).filter(([name, value]) => name !== "key" && value !== null && typeof value !== "object").slice(0, BESIDE)
    .map(([name, value]) => `${words(name)} ${typeof value === "number" && !Number.isInteger(value) ? number(value) : value}`).join(" · ");
}

function whole(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}
