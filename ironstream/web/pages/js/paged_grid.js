// A grid over a list that comes in pages: pages come as it is scrolled, and the rows in sight are as they are now.

import { debounced, put } from "./dom.js";
import { failure } from "./parts.js";

/** Have `grid` show `list` (`Paged`); failures stand in `state`. Returns what reads the list anew, as another one. */
export function keptInSight(grid, list, { state, signal, everyMs }) {
  const load = async () => {
    if (await list.more()) {
      put(state);
      grid.set(list.rows);
    }
  };
  const tried = async (action) => {
    try {
      await action();
    } catch (error) {
      if (!signal.aborted) put(state, failure(error, begin));
    }
  };
  const begin = () => {
    list.begin();
    return tried(load);
  };
  const refresh = () => tried(async () => {
    if (document.hidden || !list.pages.length) return;
    if (await list.refresh(...grid.sight())) grid.set(list.rows);
    put(state);
  });
  grid.more = () => (list.open ? load() : null);
  grid.scroller.addEventListener("scroll", debounced(refresh, 300));
  const timer = setInterval(refresh, everyMs);
  signal.addEventListener("abort", () => clearInterval(timer));
  return begin;
}
