// Dead letters as a list, the newest first; what comes joins it while somebody looks at its top.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { words } from "./format.js";
import { Grid } from "./grid.js";
import { empty, filled, timeCell } from "./parts.js";

const PAGE = 200;
/** The log is looked through in parts, of which some have no record that is wanted. */
const PARTS = 5;

/** Fill `root` with the records of `asked`: {topic, reason, key, spanS}. Returns what brings in those that came since. */
export function records(root, asked, signal) {
  let next = null;
  let items = [];
  const from = new Date(Date.now() - asked.spanS * 1000).toISOString();
  const further = h("div");
  const grid = new Grid({
    label: "Records",
    template: "6.5rem minmax(8rem,1fr) minmax(10rem,1.6fr) minmax(12rem,2.6fr) 7rem",
    columns: [
      { title: "Time", cell: (one) => timeCell(one.time) },
      { title: "Reason", cell: (one) => words(one.reason) },
      { title: "Key", kind: "wide", cell: (one) => h("span", { title: one.key }, one.key ?? "") },
      { title: "Detail", cell: (one) => h("span", { title: one.detail }, one.detail ?? "") },
      { title: "Record", kind: "number wide", cell: (one) => h("a", { href: link(asked.topic, one), tabindex: "-1" }, place(one)) },
    ],
    key: place,
    open: (one) => (location.hash = link(asked.topic, one)),
    blank: empty("No record.", "Another reason, key or span?"),
    more: () => (next ? load(next) : null),
  });
  const page = (cursor) => get(`dlq/${encodeURIComponent(asked.topic)}`, { reason: asked.reason, key: asked.key, from, limit: PAGE, cursor }, signal);
  const load = async (cursor) => {
    let found = [];
    let parts = 0;
    next = cursor;
    do {
      ({ items: found, next } = await page(next));
    } while (!found.length && next && ++parts < PARTS);
    items = cursor ? items.concat(found) : found;
    grid.set(items);
    put(further, next && !found.length ? h("button", { type: "button", onclick: () => load(next) }, "Look further back") : null);
  };
  const newer = async () => {
    const atTop = () => grid.element.isConnected && grid.element.scrollTop === 0;
    if (!atTop()) return;
    const newest = await page(null);
    const came = newest.items.length && (!items.length || place(newest.items[0]) !== place(items[0]));
    if (!came || !atTop()) return;
    ({ items, next } = newest);
    put(further);
    grid.set(items);
  };
  filled(root, signal, async () => {
    await load(null);
    return [grid.element, further];
  });
  return newer;
}

function place(one) {
  return `${one.partition}/${one.offset}`;
}

function link(topic, one) {
  return `#/dlq/${encodeURIComponent(topic)}/${place(one)}`;
}
