// Alarms: a live list of any length with what waits on top, and beside it the one that is chosen.

import { all, get, path } from "../api.js";
import { after, merged } from "../alarm_order.js";
import { AlarmPane } from "../alarm_pane.js";
import { act } from "../alarm_actions.js";
import { mark } from "../ages.js";
import { debounced, h, perFrame, put, say } from "../dom.js";
import { count, ms, number, words } from "../format.js";
import { Grid } from "../grid.js";
import { key } from "../keys.js";
import * as live from "../live.js";
import { choice, empty, failure, heading, loading } from "../parts.js";
import { mayAnswerAlarms } from "../rights.js";
import { SEVERITIES, STATES, UNACKED, alarmState, severity } from "../signs.js";

/** So many are kept, the gravest first; the others are found by what narrows the list. */
const MOST = 5000;
const RELOAD_MS = 30000;
const SHOWS = [["present", "Present"], ["unacked", "Unacked"], ["shelved", "Shelved"], ["all", "All"]];
const WANTED = {
  present: STATES.filter((state) => state !== "CLEARED"),
  unacked: [...UNACKED],
  shelved: ["SUPPRESSED"],
  all: STATES,
};
const GRAVE = [["", "Any severity"], ...SEVERITIES.map((name) => [name, words(name)])];
const STATE_RANK = { ACTIVE: 0, CLEARED_UNACKED: 1, ACKNOWLEDGED: 2, SUPPRESSED: 3, CLEARED: 4 };

export async function show({ root, query, signal, title, me }) {
  title("Alarms");
  let byId = new Map();
  /** What the stream has told since the list was asked for, for each time that it is under way. */
  const since = new Set();
  let shown = WANTED[query.get("show")] ? query.get("show") : "present";
  let grave = SEVERITIES.includes(query.get("severity")) ? query.get("severity") : "";
  let part = (query.get("q") ?? "").toLowerCase();
  /** How many there are at the server, where that is more than are kept here. */
  let beyond = null;
  let turn = 0;
  let asking = true;
  const state = h("div");
  const more = h("div", { role: "status" });
  const total = h("span.quiet");
  const pane = new AlarmPane({ me, signal, closed: () => pick(null), changed: (id) => changed(id) });

  const grid = new Grid({
    label: "Alarms",
    template: "2.2rem minmax(8.5rem,.8fr) minmax(8rem,1fr) minmax(8rem,1fr) minmax(10rem,2.4fr) minmax(4.5rem,.6fr) 5.5rem",
    columns: [
      { title: h("span.hidden", null, "Severity"), cell: (one) => severity(one.severity, { acked: !UNACKED.has(one.state) }) },
      { title: "State", cell: (one) => alarmState(one.state) },
      { title: "Asset", cell: (one) => h("span", { title: `${one.tenant} / ${one.site} / ${one.asset}` }, one.asset, h("small.narrow.quiet", null, one.type)) },
      { title: "Type", kind: "wide", cell: (one) => [one.type, one.parameter ? h("span.quiet", null, ` ${one.parameter}`) : null] },
      { title: "Message", kind: "wide", cell: (one) => h("span", { title: one.message }, one.message ?? "") },
      { title: "Value", kind: "number wide roomy", cell: (one) => `${number(one.value)} ${one.unit ?? ""}` },
      { title: "Since", kind: "number", cell: (one) => raised(one.raised_at) },
    ],
    key: (one) => one.id,
    open: (one) => pick(one.id),
    select: (one) => pane.element.isConnected && pane.id && pane.id !== one.id && pick(one.id),
    blank: empty("No alarm here.", "What is not shown may be under “All”."),
  });

  const fits = (one) => WANTED[shown].includes(one.state) && (!grave || one.severity === grave) && (!part || one.text.includes(part));
  const visible = () =>
    [...byId.values()]
      .filter(fits)
      .sort((a, b) => STATE_RANK[a.state] - STATE_RANK[b.state] || SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (ms(b.raised_at) ?? 0) - (ms(a.raised_at) ?? 0));
  const draw = perFrame(() => {
    if (signal.aborted) return;
    const rows = visible();
    grid.set(rows);
    say(total, asking ? "…" : beyond ? `${number(rows.length)} of ${number(Math.max(beyond, rows.length))}` : count(rows.length, "alarm"));
    const told = beyond ? `The gravest ${number(rows.length)} are shown, of ${number(beyond)}. A search, a state or a severity finds the others.` : "";
    if (more.textContent !== told) put(more, told ? h("p.attention", null, told) : null);
  });
  const take = (alarm) => {
    const one = normal(alarm);
    since.forEach((told) => told.set(one.id, one));
    byId.set(one.id, after(byId.get(one.id), one));
    return byId.get(one.id);
  };
  /** What `ask` answers, and what the stream has told meanwhile: that may be newer, and must not be lost. */
  const asked = async (ask) => {
    const told = new Map();
    since.add(told);
    try {
      return { got: await ask(), told };
    } finally {
      since.delete(told);
    }
  };
  const load = async () => {
    const mine = ++turn;
    try {
      // asked for by what is shown: those that are over are many
      const wanted = { state: WANTED[shown], severity: grave, q: part.slice(0, 200) };
      const { got, told } = await asked(() => all("alarms", wanted, MOST, signal));
      if (mine !== turn) return;
      const { items, more: further, total: there } = got;
      byId = merged(items.map(normal), told);
      asking = false;
      beyond = further ? there : null;
      put(state);
      draw();
      if (pane.id) look(pane.id);
    } catch (error) {
      if (!signal.aborted && mine === turn) put(state, failure(error, load));
    }
  };
  const narrowed = debounced(load, 250);
  const narrow = () => {
    turn++;
    asking = true;
    address();
    draw();
    narrowed();
  };
  /** The one beside the list, which the list need not have. */
  const look = async (id) => {
    if (byId.has(id)) return pane.show(byId.get(id));
    try {
      await changed(id);
    } catch (error) {
      if (!signal.aborted && pane.id === id && error.status === 404) pane.show({ id, gone: true });
    }
  };
  const pick = (id) => {
    root.classList.toggle("with-pane", Boolean(id));
    grid.choose(id, { scroll: false });
    pane.show(id ? byId.get(id) ?? { id } : null);
    if (id) look(id);
    address();
    if (!id) grid.element.focus();
  };
  const address = () => {
    const parameters = new URLSearchParams(Object.entries({ show: shown === "present" ? "" : shown, severity: grave, q: part, id: pane.id ?? "" }).filter(([, value]) => value));
    history.replaceState(null, "", `#/alarms${parameters.size ? `?${parameters}` : ""}`);
  };
  const search = h("input", { type: "search", placeholder: "Search  /", "aria-label": "Search alarms", value: part });
  search.addEventListener("input", debounced(() => ((part = search.value.trim().toLowerCase()), narrow()), 120));
  const severities = h("select", { "aria-label": "Severity" }, GRAVE.map(([value, text]) => h("option", { value, selected: value === grave }, text)));
  severities.addEventListener("change", () => ((grave = severities.value), narrow()));
  put(
    root,
    heading("Alarms", [], total, search),
    h("div.tools", null, choice("Which alarms", SHOWS, shown, (value) => ((shown = value), narrow())), severities,
      mayAnswerAlarms(me) ? h("span.quiet.wide", null, "Keys: a acknowledge, s shelve, c comment") : null),
    put(state, loading(8)),
    more,
    h("div.split", null, grid.element, pane.element),
  );

  live.on("alarm", (alarm) => {
    if (!identified(alarm)) return reload();
    const one = take(alarm);
    draw();
    if (pane.id === one.id) pane.show(one);
    return one;
  }, signal);
  const changed = async (id) => {
    const { got, told } = await asked(() => get(`alarms/${path(...id.split("/"))}`, {}, signal));
    const one = merged([normal(got)], told).get(id);
    byId.set(id, one);
    draw();
    if (pane.id === id) pane.show(one);
  };
  const reload = debounced(load, 300);
  const keys = mayAnswerAlarms(me) ? [["a", "ack", "acknowledge the alarm"], ["s", "shelve", "shelve the alarm"], ["c", "comment", "comment on the alarm"]] : [];
  for (const [letter, command, what] of keys) {
    key(letter, what, () => {
      const one = grid.chosen() ?? byId.get(pane.id);
      if (one) act(command, one, () => changed(one.id));
    }, signal);
  }
  // the stream may have been away: what it missed comes with the next look at all of them
  live.on("status", (status) => status === "live" && reload(), signal);
  const timer = setInterval(() => document.hidden || load(), RELOAD_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  await load();
  if (query.get("id")) {
    grid.current = query.get("id");
    pick(query.get("id"));
  }
}

const identified = (alarm) => alarm?.alarm_id;

/** An alarm with the names that this page uses, and what it is searched by: the same as at the server. */
function normal(alarm) {
  return { ...alarm, id: identified(alarm), text: [identified(alarm), alarm.type, alarm.message].join("\n").toLowerCase() };
}

function raised(time) {
  const element = h("span.age");
  mark(element, live.here(ms(time)), null);
  return element;
}
