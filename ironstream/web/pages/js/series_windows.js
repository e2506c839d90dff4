// The windows of a series as a table, a size at a time, the newest first; those that close join it by themselves.

import { get } from "./api.js";
import { h, perFrame, put } from "./dom.js";
import { clock, number, size } from "./format.js";
import * as live from "./live.js";
import { choice, empty, filled, table } from "./parts.js";
import { redraw } from "./redraw.js";
import { windowOf } from "./trend.js";

const SHOWN = 50;
const COLUMNS = [["Begins"], ["Count", "number"], ["Mean", "number"], ["Min", "number"], ["Max", "number"], ["First", "number wide"], ["Last", "number wide"], ["σ", "number wide"], ["Good", "number"], ["Rev.", "number wide"]];

export async function windowsTable(root, { where, name, sizes, unit, signal }) {
  const body = h("div");
  let chosen = sizes.includes(60) ? 60 : sizes[0];
  let known = new Map();
  const made = () => {
    const newest = [...known.values()].sort((a, b) => Date.parse(b.start) - Date.parse(a.start)).slice(0, SHOWN);
    known = new Map(newest.map((one) => [Date.parse(one.start), one]));
    if (!newest.length) return empty(`No window of ${size(chosen)} has closed yet.`, "It appears here when it does.");
    return table(`Windows of ${size(chosen)}`, COLUMNS, newest.map((one) => ({ key: one.start, cells: cells(one) })), { class: "windows" });
  };
  const take = (one) => {
    const at = Date.parse(one.start);
    if ((known.get(at)?.revision ?? -1) <= one.revision) known.set(at, one);
  };
  const load = (sizeS) => {
    chosen = sizeS;
    known = new Map();
    return filled(body, signal, async () => {
      const page = await get(`${where}/aggregates`, { size_s: sizeS, limit: 1000 }, signal);
      if (chosen === sizeS) page.items.forEach(take);
      return made();
    });
  };
  const draw = perFrame(() => signal.aborted || redraw(body, made()));
  live.on("window", (one) => {
    if (one?.series !== name || one.size_s !== chosen) return;
    take(windowOf(one));
    draw();
  }, signal);
  put(root, h("h2", null, "Windows", unit ? h("small", null, unit) : null));
  if (!sizes.length) return void root.append(empty("This series has no windows."));
  root.append(choice("Size of the windows", sizes.map((one) => [one, size(one)]), chosen, load), body);
  await load(chosen);
}

function cells(one) {
  const good = one.quality?.pct_good;
  return [
    h("time", { datetime: one.start, title: one.start }, clock(one.start)),
    number(one.count),
    number(one.mean),
    number(one.min),
    number(one.max),
    number(one.first),
    number(one.last),
    number(one.stddev),
    good === undefined || good === null ? "–" : h("span", { class: good < 100 ? "attention" : "" }, `${number(Math.round(good * 10) / 10)} %`),
    number(one.revision),
  ];
}
