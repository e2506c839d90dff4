// Dead letters: why records are refused and since when, and one of them as it is, to mend its cause and send it again.

import { get } from "../api.js";
import { record } from "../dlq_record.js";
import { records } from "../dlq_list.js";
import { debounced, h, put, s } from "../dom.js";
import { clock, count, ms, number, words } from "../format.js";
import { choice, empty, failure, filled, heading, loading, passes } from "../parts.js";
import { redraw } from "../redraw.js";

const SPANS = [[3600, "1 h"], [21600, "6 h"], [86400, "1 d"], [604800, "7 d"]];
const BUCKETS = 60;
const REFRESH_MS = 10000;

export async function show({ root, parts, query, signal, title, me, again }) {
  title("Dead letters");
  if (parts.length >= 3) return record({ root, place: parts, signal, me });
  let topic = parts[0] ?? null;
  let spanS = Number(query.get("span")) || 3600;
  let reason = query.get("reason");
  let text = query.get("key") ?? "";
  const topics = h("div.tools");
  const reasons = h("section.panel", { "aria-label": "Reasons over time" });
  const list = h("div");
  const search = h("input", { type: "search", placeholder: "Key  /", "aria-label": "Part of a key", value: text });
  put(root, heading("Dead letters", [], search), topics, put(reasons, loading(3)), put(list, loading(8)));

  const address = () => {
    const parameters = new URLSearchParams(Object.entries({ span: spanS === 3600 ? "" : spanS, reason: reason ?? "", key: text }).filter(([, value]) => value));
    history.replaceState(null, "", `#/dlq/${encodeURIComponent(topic)}${parameters.size ? `?${parameters}` : ""}`);
  };
  const drawTopics = (items) => {
    topic ??= (items.find((one) => one.records) ?? items[0])?.topic;
    redraw(
      topics,
      choice("Topic", items.map((one) => [one.topic, [words(one.topic.replace(/^dlq\./, "")), one.records === null ? null : h("small", null, ` ${number(one.records)}`)]]), topic, (value) => {
        [topic, reason] = [value, null];
        address();
        all();
      }),
      choice("Span", SPANS, spanS, (value) => ((spanS = value), address(), all())),
    );
  };
  const loadReasons = (quiet) => filled(reasons, signal, async () => {
    const bucket = Math.max(1, Math.round(spanS / BUCKETS));
    const got = await get("dlq/reasons", { topic, from: new Date(Date.now() - spanS * 1000).toISOString(), bucket_s: bucket }, signal);
    return drawReasons(got, reason, (value) => {
      reason = value === reason ? null : value;
      address();
      all(true);
    });
  }, { quiet, rows: 3 });
  let newer = null;
  const loadList = () => (newer = records(list, { topic, reason, key: text, spanS }, signal));
  const all = (quiet = false) => (loadReasons(quiet), loadList());
  const loadTopics = async () => drawTopics((await get("dlq/topics", {}, signal)).items);

  search.addEventListener("input", debounced(() => ((text = search.value.trim()), address(), loadList()), 250));
  const timer = setInterval(() => {
    if (!topic || document.hidden) return;
    loadReasons(true);
    // what keeps these from being read is told where the reasons stand
    for (const refresh of [loadTopics, newer]) refresh?.().catch(() => null);
  }, REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  try {
    await loadTopics();
  } catch (error) {
    if (signal.aborted) return;
    put(list);
    put(reasons, failure(error, again));
    if (passes(error)) setTimeout(() => signal.aborted || again(), REFRESH_MS);
    return;
  }
  if (topic) all();
  else put(list), put(reasons, empty("No topic of dead letters yet.", "They are made with the others when the first worker runs."));
}

/** One line a reason: how many, when, and its part of the time as bars. Grey: their number says more than a colour. */
function drawReasons(got, chosen, pick) {
  const byReason = new Map();
  for (const one of got.totals) {
    const into = byReason.get(one.reason) ?? { reason: one.reason, total: 0, buckets: [], last: 0, detail: "" };
    into.total += one.count;
    if (ms(one.last_at) >= into.last) [into.last, into.detail] = [ms(one.last_at), one.last_detail];
    byReason.set(one.reason, into);
  }
  for (const one of got.items) byReason.get(one.reason)?.buckets.push(one);
  if (!byReason.size) return empty("Nothing was refused in this span.", "A longer span may show some.");
  const [from, to, width] = [ms(got.covers_from), ms(got.covers_to), got.bucket_s];
  return [
    h("h2", null, "Reasons", h("small", null, `a bar is ${count(width, "second")}`)),
    h("ul.reason-lines", null, [...byReason.values()].sort((a, b) => b.total - a.total).map((one) =>
      h("li", { data: { key: one.reason } },
        h("button", { type: "button", "aria-pressed": String(one.reason === chosen), title: one.detail, onclick: () => pick(one.reason), data: { reason: one.reason } },
          h("span.name", null, words(one.reason)), h("span.number", null, number(one.total)), bars(one.buckets, from, to, width), h("span.quiet", null, `last ${clock(one.last)}`))))),
    got.truncated ? h("p.attention", null, "There are more than were counted: these are the newest.") : null,
  ];
}

function bars(buckets, from, to, widthS) {
  const most = Math.max(...buckets.map((one) => one.count));
  const width = Math.max(1.5, (widthS * 1000 * 300) / (to - from) - 0.6);
  return s("svg.bars", { viewBox: "0 0 300 28", preserveAspectRatio: "none", role: "img", "aria-label": `at most ${most} in a bar` },
    buckets.map((one) => {
      const height = Math.max(1.5, (one.count / most) * 26);
      const x = ((ms(one.start) - from) / (to - from)) * 300;
      return s("rect", { x, y: 28 - height, width, height }, s("title", null, `${one.count} at ${clock(one.start)}`));
    }));
}
