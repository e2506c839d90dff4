// One dead letter: why it was refused, where it came from, and what it was.

import { get, path, post } from "./api.js";
import { h, put } from "./dom.js";
import { number, words } from "./format.js";
import { dialog, facts, filled, heading, notice, timeCell } from "./parts.js";
import { content, recordLink } from "./record_content.js";
import { mayReplay } from "./rights.js";

export async function record({ root, place, signal, me }) {
  const [topic, partition, offset] = place;
  const body = h("div.stack");
  const replay = mayReplay(me) && h("button.primary", { type: "button", data: { command: "replay" }, onclick: () => ask(topic, Number(partition), Number(offset)) }, "Replay");
  put(root, heading(`${topic}/${partition}/${offset}`, [["dead letters", `#/dlq/${encodeURIComponent(topic)}`]], replay), body);
  await filled(body, signal, async () => draw(await get(`dlq/${path(topic, partition, offset)}`, {}, signal)));
}

function draw(got) {
  return [
    h("section.panel.across", null,
      h("h2", null, words(got.reason), h("small", { data: { field: "detail" } }, got.detail)),
      facts([
        ["refused", timeCell(got.time, { millis: true })],
        ["key", h("code", null, got.key ?? "–")],
        ["came from", got.source ? recordLink(got.source.split("/")) : "–"],
        ["size", `${number(got.size)} bytes`],
        got.sink && ["sink", got.sink],
        got.topology_version && ["judged by", `topology v${got.topology_version}`],
      ])),
    content(got),
  ];
}

function ask(topic, partition, offset) {
  dialog("Replay", [h("p", null, "The record goes to the topic it came from once more, as it was. What refused it should be mended first: else it comes back here.")], "Replay", async () => {
    const answer = await post("dlq/replay", { topic, partition, offset });
    notice(`Replayed: ${answer?.replayed ?? answer?.records ?? 1} record`);
  });
}
