// All assets in a list of any length, narrowed by words, site and worst state.

import { get, path } from "../api.js";
import { debounced, h, put } from "../dom.js";
import { mark } from "../ages.js";
import { ms, number } from "../format.js";
import { here } from "../live.js";
import { Grid } from "../grid.js";
import { Paged } from "../paged.js";
import { keptInSight } from "../paged_grid.js";
import { choice, empty, heading, loading } from "../parts.js";
import { quality } from "../signs.js";

const REFRESH_MS = 5000;
const WORST = [["", "All"], ["BAD", "Bad"], ["STALE", "Stale"], ["UNCERTAIN", "Uncertain"], ["SUSPECT", "Suspect"], ["GOOD", "Good"]];

export async function show({ root, query, signal, title }) {
  title("Assets");
  const asked = { tenant: query.get("tenant"), site: query.get("site"), q: query.get("q") ?? "", worst: query.get("worst") ?? "" };
  const list = new Paged({
    ask: (limit, cursor) => get("assets", { ...asked, limit, cursor }, signal),
    order: (one) => [one.tenant, one.site, one.asset],
  });
  const state = h("div");
  const grid = new Grid({
    label: "Assets",
    template: "minmax(9rem,1.3fr) minmax(8rem,1.4fr) minmax(7rem,1fr) minmax(6.5rem,1fr) 5rem 7.5rem 6rem",
    columns: [
      { title: "Asset", cell: (one) => h("a", { href: link(one), tabindex: "-1" }, one.asset) },
      { title: "Name", kind: "wide", cell: (one) => (one.name && one.name !== one.asset ? one.name : h("span.quiet", null, one.machine_type ?? "")) },
      { title: "Site", kind: "wide", cell: (one) => h("span.quiet", null, `${one.tenant} / ${one.site}`) },
      { title: "Worst", cell: (one) => quality(one.worst) },
      { title: "Series", kind: "wide number", cell: (one) => [number(one.series), one.stale_series ? h("small.attention", null, ` ${one.stale_series} stale`) : null] },
      { title: "Alarms", kind: "number", cell: (one) => (one.alarms?.active || one.alarms?.unacked ? h("span", { class: one.alarms.unacked ? "attention" : "" }, one.alarms.active ? number(one.alarms.active) : h("span.narrow", null, number(one.alarms.unacked)), one.alarms.unacked ? h("span.wide", null, `${one.alarms.active ? ", " : ""}${number(one.alarms.unacked)} unacked`) : null) : h("span.quiet", null, "–")) },
      { title: ["Last", h("span.wide", null, " reading")], kind: "number", cell: (one) => aged(one) },
    ],
    key: (one) => `${one.tenant}/${one.site}/${one.asset}`,
    open: (one) => (location.hash = link(one)),
    blank: empty("No asset matches.", "Fewer words, another state, or another site?"),
  });

  const begin = keptInSight(grid, list, { state, signal, everyMs: REFRESH_MS });
  const fresh = () => {
    const parameters = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
    history.replaceState(null, "", `#/assets${parameters.size ? `?${parameters}` : ""}`);
    return begin();
  };
  const search = h("input", { type: "search", placeholder: "Search  /", "aria-label": "Search assets", value: asked.q });
  search.addEventListener("input", debounced(() => ((asked.q = search.value.trim()), fresh()), 200));
  const trail = asked.site ? [["all sites", "#/assets"]] : [];
  put(
    root,
    heading(asked.site ? `Assets of ${asked.site}` : "Assets", trail, search),
    choice("Worst state", WORST, asked.worst, (value) => ((asked.worst = value), fresh())),
    put(state, loading(8)),
    grid.element,
  );
  await fresh();
}

function link(one) {
  return `#/asset/${path(one.tenant, one.site, one.asset)}`;
}

function aged(one) {
  const element = h("span.age");
  mark(element, here(ms(one.last_reading_at)), null);
  return element;
}
