// One dead letter: why it was refused, where it came from, its headers, its bytes as text and as hex.

import { get, path, post } from "./api.js";
import { h, put } from "./dom.js";
import { number, words } from "./format.js";
import { dialog, facts, filled, heading, notice, table, timeCell } from "./parts.js";
import { mayReplay } from "./rights.js";

const WIDTH = 16;
const SHOWN_BYTES = 4096;

export async function record({ root, place, signal, me }) {
  const [topic, partition, offset] = place;
  const body = h("div.stack");
  const replay = mayReplay(me) && h("button.primary", { type: "button", data: { command: "replay" }, onclick: () => ask(topic, Number(partition), Number(offset)) }, "Replay");
  put(root, heading(`${topic}/${partition}/${offset}`, [["dead letters", `#/dlq/${encodeURIComponent(topic)}`]], replay), body);
  await filled(body, signal, async () => draw(await get(`dlq/${path(topic, partition, offset)}`, {}, signal)));
}

function draw(got) {
  const headers = Object.entries(got.headers);
  const hex = String(got.hex ?? "").replaceAll(/[^0-9a-fA-F]/g, "");
  return [
    h("section.panel.across", null,
      h("h2", null, words(got.reason), h("small", { data: { field: "detail" } }, got.detail)),
      facts([
        ["refused", timeCell(got.time, { millis: true })],
        ["key", h("code", null, got.key ?? "–")],
        ["came from", h("code", null, got.source ?? "–")],
        ["size", `${number(got.size)} bytes`],
        got.sink && ["sink", got.sink],
        got.topology_version && ["judged by", `topology v${got.topology_version}`],
      ])),
    h("div.columns", null,
      h("section.panel", { "aria-label": "Text" }, h("h2", null, "Text"), h("pre", { tabindex: "0", data: { field: "text" } }, pretty(got.text))),
      h("section.panel", { "aria-label": "Hex" }, h("h2", null, "Hex", hex.length / 2 > SHOWN_BYTES ? h("small", null, `the first ${number(SHOWN_BYTES)} bytes`) : null), h("pre.hex", { tabindex: "0", data: { field: "hex" } }, dump(hex)))),
    h("section.panel", null, h("h2", null, "Headers"), table("Headers", [["Name"], ["Value"]], headers.map(([name, value]) => [h("code", null, name), h("code", null, value ?? "")]))),
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
export function dump(hex) {
  const lines = [];
  for (let start = 0; start < Math.min(hex.length, SHOWN_BYTES * 2); start += WIDTH * 2) {
    const bytes = hex.slice(start, start + WIDTH * 2).match(/../g) ?? [];
    const shown = bytes.map((one) => parseInt(one, 16)).map((code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : "·")).join("");
    lines.push(`${(start / 2).toString(16).padStart(6, "0")}  ${bytes.join(" ").padEnd(WIDTH * 3 - 1)}  ${shown}`);
  }
  return lines.join("\n") || "(no bytes)";
}

function ask(topic, partition, offset) {
  dialog("Replay", [h("p", null, "The record goes to the topic it came from once more, as it was. What refused it should be mended first: else it comes back here.")], "Replay", async () => {
    const answer = await post("dlq/replay", { topic, partition, offset });
    notice(`Replayed: ${answer?.replayed ?? answer?.records ?? 1} record`);
  });
}
