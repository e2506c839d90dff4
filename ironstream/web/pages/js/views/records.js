// A record as it was written: what an alarm was raised by, what a dead letter came from.

import { get, path } from "../api.js";
import { h, put } from "../dom.js";
import { number } from "../format.js";
import { facts, failure, filled, heading, timeCell } from "../parts.js";
import { content } from "../record_content.js";

export async function show({ root, parts, signal, title }) {
  const name = parts.join("/");
  title(name || "Record");
  if (parts.length !== 3) {
    put(root, failure({ detail: `“${name}” names no record.`, hint: "Write topic/partition/offset: an alarm's evidence leads here." }));
    return;
  }
  const body = h("div.stack");
  put(root, heading(name), body);
  await filled(body, signal, async () => draw(await get(`records/${path(...parts)}`, {}, signal)));
}

function draw(got) {
  return [
    h("section.panel.across", null, facts([
      ["reached Kafka", timeCell(got.time, { millis: true })],
      ["key", h("code", null, got.key ?? "–")],
      ["size", `${number(got.size)} bytes`],
    ])),
    content(got),
  ];
}
