// What is around every page: navigation, the alarms that wait, whether the page hears anything, time, who is there.

import { get, post } from "./api.js";
import { h, perFrame, put, say } from "./dom.js";
import * as live from "./live.js";
import { age, clock, count, switchZone, zone } from "./format.js";
import { severityCounts } from "./signs.js";
import { PAGES, help } from "./keys.js";
import { notice } from "./parts.js";
import { redraw } from "./redraw.js";
import { troubleOf } from "./trouble.js";

const RETRY_MS = 10000;
const nav = document.getElementById("nav");
const bar = document.getElementById("status");
const silence = document.getElementById("silence");
const waiting = h("a.waiting", { href: "#/alarms?show=unacked", id: "waiting" });
const heard = h("span.heard", { id: "heard" });
const time = h("button.clock", { type: "button", title: "Switch between UTC and local time", onclick: () => (switchZone(), location.reload()) });

export function drawShell(me) {
  const who = h("span.who");
  put(nav, PAGES.map(([view, name]) => h("a", { href: `#/${view}`, data: { view } }, name)));
  put(
    bar,
    waiting,
    heard,
    time,
    h("button.help", { type: "button", title: "Keyboard (?)", "aria-label": "Keyboard shortcuts", onclick: help }, "?"),
    who,
  );
  named(who, me);
  const load = perFrame(refresh);
  live.on("overview", (overview) => overview && totals(overview));
  live.on("alarm", load);
  live.on("status", told);
  live.on("heartbeat", (sent) => ((beat = sent), told()));
  load();
  setInterval(load, RETRY_MS);
  setInterval(told, 1000);
  told();
}

/** Which page is open. */
export function shellFor(view) {
  const open = { asset: "assets", series: "assets" }[view] ?? view;
  for (const link of nav.children) {
    if (link.dataset.view === open) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ inline: "center", block: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}

let asked = 0;
let beat = null;

async function refresh() {
  if (Date.now() - asked < 1000) return;
  asked = Date.now();
  try {
    totals(await get("overview"));
  } catch {
    // the stream's own status tells that the server is away
  }
}

function totals(overview) {
  const sum = {};
  let unacked = 0;
  for (const site of overview.sites ?? []) {
    unacked += site.alarms?.unacked ?? 0;
    for (const [name, many] of Object.entries(site.alarms?.by_severity ?? {})) sum[name] = (sum[name] ?? 0) + many;
  }
  waiting.classList.toggle("some", unacked > 0);
  const told = unacked ? `${count(unacked, "alarm")} not acknowledged` : "no alarm waits";
  waiting.setAttribute("aria-label", told);
  waiting.title = told;
  redraw(waiting, unacked ? [severityCounts(sum), h("span.many", null, `${unacked} unacked`)] : h("span.quiet", null, "no alarms wait"));
}

function told() {
  const { status, silentMs } = live.state();
  const silent = status === "silent";
  const behind = beat?.kafka && beat.kafka !== "connected";
  const trouble = troubleOf(beat);
  document.body.classList.toggle("silent", silent || Boolean(behind));
  silence.hidden = !silent && !behind && !trouble;
  if (silent) alarm("Nothing heard from the server", silentMs / 1000, "What is shown is old; the page tries again by itself.");
  else if (behind) alarm("The server has heard nothing from Kafka", beat.behind_s, "What is shown is old; it goes on by itself.");
  else if (trouble) alarm(trouble.what, trouble.seconds, trouble.then);
  heard.className = `heard ${behind ? "silent" : status}`;
  say(heard, behind && !silent ? "no Kafka" : status);
  heard.title = `Last heard ${age(silentMs / 1000)} ago`;
  say(time, `${clock(Date.now()).slice(-8)} ${zone()}`);
}

/** Said once to readers: how long it lasts by now is for the eye alone. */
function alarm(what, seconds, then) {
  if (silence.dataset.what !== what) {
    silence.dataset.what = what;
    put(silence, what, h("span", { "aria-hidden": "true" }), ". ", then);
  }
  say(silence.querySelector("span"), seconds ? ` for ${age(seconds)}` : "");
}

/** Who is there, and the way out where one had to log in. */
async function named(who, me) {
  const roles = (me.roles ?? []).join(", ");
  const of = me.tenants ? ` of ${me.tenants.join(", ")}` : "";
  who.title = `${me.name}: ${roles}${of}`;
  put(who, h("span.name", null, me.name ?? "?"));
  const ways = await get("login").catch(() => null);
  if (ways?.required) who.append(h("button.leave", { type: "button", onclick: leave }, "Log out"));
}

async function leave() {
  try {
    await post("logout");
  } catch (error) {
    notice(`Still logged in: ${error.message}`, "refused");
    return;
  }
  location.hash = "#/login";
  location.reload();
}
