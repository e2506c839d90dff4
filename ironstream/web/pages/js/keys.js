// Keys that work on every page: `/` to the search, `g` and a letter to a page, `?` for what there is.

import { h } from "./dom.js";
import { dialog } from "./parts.js";

/** View, name and the letter after `g`. */
export const PAGES = [
  ["overview", "Overview", "o"],
  ["assets", "Assets", "a"],
  ["alarms", "Alarms", "l"],
  ["dlq", "Dead letters", "d"],
  ["tables", "Tables", "b"],
  ["topology", "Topology", "t"],
  ["gateways", "Gateways", "w"],
  ["ledger", "Ledger", "e"],
];
const own = new Map();
let chord = 0;

/** A key of the page that is open, forgotten when it is left. Does nothing while somebody types. */
export function key(name, what, action, signal) {
  own.set(name, { what, action });
  signal.addEventListener("abort", () => own.get(name)?.action === action && own.delete(name));
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) {
      event.target.blur();
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (chord && Date.now() - chord < 1500) {
      const page = PAGES.find(([, , letter]) => letter === event.key);
      chord = 0;
      if (page) {
        event.preventDefault();
        location.hash = `#/${page[0]}`;
        return;
      }
    }
    const search = document.querySelector("#main input[type=search]");
    if (event.key === "g") chord = Date.now();
    else if (event.key === "/" && search) search.focus(), search.select(), event.preventDefault();
    else if (event.key === "?") help();
    else if (own.has(event.key)) own.get(event.key).action(event), event.preventDefault();
  });
}

function typing(element) {
  return element instanceof HTMLElement && (element.matches("input,select,textarea") || element.isContentEditable);
}

/** All keys, those of the page first. */
export function help() {
  if (document.querySelector("dialog[open]")) return;
  const lines = [
    ...[...own].map(([name, { what }]) => [name === " " ? "space" : name, what]),
    ["/", "search"],
    ["↑ ↓", "move in a list; Page Up, Page Down, Home, End too"],
    ["Enter", "open what is chosen"],
    ["Esc", "close, or leave the search"],
    ...PAGES.map(([, name, letter]) => [`g ${letter}`, name]),
    ["?", "this list"],
  ];
  dialog("Keyboard", h("dl.keys", null, lines.map(([keys, what]) => [h("dt", null, h("kbd", null, keys)), h("dd", null, what)])));
}
