// Dead letters: why records are refused and since when, and one of them as it is, to mend its cause and send it again.

import { get } from "../api.js";
import { record } from "../dlq_record.js";
import { debounced, h, put, s } from "../dom.js";
import { clock, count, ms, number, words } from "../format.js";
import { Grid } from "../grid.js";
import { choice, empty, failure, filled, heading, loading, passes, timeCell } from "../parts.js";

const SPANS = [[3600, "1 h"], [21600, "6 h"], [86400, "1 d"], [604800, "7 d"]];
const BUCKETS = 60;
const PAGE = 200;
/** The log is looked through in parts, of which some have no record that is wanted. */
const PARTS = 5;
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
    put(
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
  const all = (quiet = false) => (loadReasons(quiet), records(list, { topic, reason, key: text, spanS }, signal));

  search.addEventListener("input", debounced(() => ((text = search.value.trim()), address(), records(list, { topic, reason, key: text, spanS }, signal)), 250));
  const timer = setInterval(() => topic && !document.hidden && loadReasons(true), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  try {
    drawTopics((await get("dlq/topics", {}, signal)).items);
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

async function records(root, asked, signal) {
  let next = null;
  let items = [];
  const from = new Date(Date.now() - asked.spanS * 1000).toISOString();
  const grid = new Grid({
    label: "Records",
    template: "6.5rem minmax(8rem,1fr) minmax(10rem,1.6fr) minmax(12rem,2.6fr) 7rem",
    columns: [
      { title: "Time", cell: (one) => timeCell(one.time) },
      { title: "Reason", cell: (one) => words(one.reason) },
      { title: "Key", kind: "wide", cell: (one) => h("span", { title: one.key }, one.key ?? "") },
      { title: "Detail", cell: (one) => h("span", { title: one.detail }, one.detail ?? "") },
      { title: "Record", kind: "number wide", cell: (one) => h("a", { href: link(asked.topic, one), tabindex: "-1" }, `${one.partition}/${one.offset}`) },
    ],
    key: (one) => `${one.partition}/${one.offset}`,
    open: (one) => (location.hash = link(asked.topic, one)),
    blank: empty("No record.", "Another reason, key or span?"),
    more: () => (next ? load(next) : null),
  });
  const load = async (cursor) => {
    let found = [];
    let parts = 0;
    next = cursor;
    do {
      const page = await get(`dlq/${encodeURIComponent(asked.topic)}`, { reason: asked.reason, key: asked.key, from, limit: PAGE, cursor: next }, signal);
      found = page.items;
      next = page.next;
    } while (!found.length && next && ++parts < PARTS);
    items = cursor ? items.concat(found) : found;
    grid.set(items);
    put(further, next && !found.length ? h("button", { type: "button", onclick: () => load(next) }, "Look further back") : null);
  };
  const further = h("div");
  await filled(root, signal, async () => {
    await load(null);
    return [grid.element, further];
  });
}

function link(topic, one) {
  return `#/dlq/${encodeURIComponent(topic)}/${one.partition}/${one.offset}`;
}
