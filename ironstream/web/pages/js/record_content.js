// What stands in a record of the log: its bytes as text and as hex, and its headers.

import { path } from "./api.js";
import { h } from "./dom.js";
import { number } from "./format.js";
import { table } from "./parts.js";

const WIDTH = 16;
const SHOWN_BYTES = 4096;

/** A link to a record; `place` is its topic, partition and offset. */
export function recordLink(place) {
  return h("a.link", { href: `#/records/${path(...place)}` }, h("code", null, place.join("/")));
}

export function content({ text, hex, headers }) {
  const bytes = String(hex ?? "").replaceAll(/[^0-9a-fA-F]/g, "");
  return [
    h("div.columns", null,
      h("section.panel", { "aria-label": "Text" }, h("h2", null, "Text"), h("pre", { tabindex: "0", data: { field: "text" } }, pretty(text))),
      h("section.panel", { "aria-label": "Hex" }, h("h2", null, "Hex", bytes.length / 2 > SHOWN_BYTES ? h("small", null, `the first ${number(SHOWN_BYTES)} bytes`) : null), h("pre.hex", { tabindex: "0", data: { field: "hex" } }, dump(bytes)))),
    h("section.panel", null, h("h2", null, "Headers"), table("Headers", [["Name"], ["Value"]], Object.entries(headers).map(([name, value]) => [h("code", null, name), h("code", null, value ?? "")]))),
  ];
}

/** JSON set out in lines; what is none stays as it is. */
function pretty(text) {
  if (text === null || text === undefined) return "(no text: see the bytes)";
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Offset, sixteen bytes, and what is printable of them. */
function dump(hex) {
  const lines = [];
  for (let start = 0; start < Math.min(hex.length, SHOWN_BYTES * 2); start += WIDTH * 2) {
    const bytes = hex.slice(start, start + WIDTH * 2).match(/../g) ?? [];
    const shown = bytes.map((one) => parseInt(one, 16)).map((code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : "·")).join("");
    lines.push(`${(start / 2).toString(16).padStart(6, "0")}  ${bytes.join(" ").padEnd(WIDTH * 3 - 1)}  ${shown}`);
  }
  return lines.join("\n") || "(no bytes)";
}
