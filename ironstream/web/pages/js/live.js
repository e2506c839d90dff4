// What comes by itself: one stream of server-sent events for the page, opened again when it ends or falls silent.
//
// Events: reading, window, alarm, overview, heartbeat (each with `detail` = what was sent), and status
// ("connecting", "live", "silent"). Who listens gives a signal and is forgotten when that aborts.

import { address, statusOf } from "./api.js";
import { Skew } from "./skew.js";

const SILENT_MS = 15000;
const RETRY_MS = [500, 1000, 2000, 5000, 10000];
/** A stream that is refused for one of its series is had without them, and asked for again with them after so long. */
const BARE_MS = 10000;
const KINDS = ["reading", "window", "alarm", "overview", "heartbeat"];
/** An address may be so long; further series of a page are read every few seconds instead. */
export const SERIES_LIMIT = 100;

const target = new EventTarget();
let source = null;
let series = [];
let heardAt = 0;
let startedAt = 0;
let failures = 0;
let status = "connecting";
let retry = 0;
let started = false;
let bareUntil = 0;
const skew = new Skew();

export function on(kind, action, signal) {
  target.addEventListener(kind, (event) => action(event.detail), { signal });
}

/** The series whose readings are wanted from now on, besides alarms and the overview. */
export function follow(names) {
  const wanted = [...new Set(names)].sort().slice(0, SERIES_LIMIT);
  if (wanted.join() === series.join() && source) return;
  series = wanted;
  bareUntil = 0;
  if (started && !document.hidden) open();
}

export function start() {
  started = true;
  open();
}

/** A time of the server as this browser's clock says it: the two may be minutes apart. */
export function here(serverMs) {
  return serverMs === null ? null : serverMs + skew.ms;
}

/** Status, and the milliseconds since anything was heard. */
export function state() {
  return { status, silentMs: Date.now() - (heardAt || startedAt) };
}

function open() {
  clearTimeout(retry);
  source?.close();
  startedAt ||= Date.now();
  const bare = Date.now() < bareUntil;
  source = new EventSource(address("stream", { series: bare ? [] : series, alarms: 1, overview: 1 }));
  const mine = source;
  for (const kind of KINDS) {
    mine.addEventListener(kind, (event) => {
      if (mine !== source) return;
      const detail = parse(event.data);
      if (kind === "heartbeat" && detail?.time && !skew.heard(Date.parse(detail.time), Date.now())) {
        late();
        return;
      }
      if (!skew.late) heard();
      target.dispatchEvent(new CustomEvent(kind, { detail }));
    });
  }
  mine.onopen = () => {
    failures = 0;
    if (bare) retry = setTimeout(open, BARE_MS);
  };
  mine.onerror = () => {
    if (mine !== source) return;
    if (mine.readyState === EventSource.CLOSED) refused(mine.url);
    again();
  };
}

/** The server has answered, and not with a stream; a browser does not tell why. Nobody is logged in any more (then the
 * login comes), or a series is not there: the rest of the page must not be silent for that.
 */
async function refused(url) {
  if ((await statusOf(url)) === 404 && series.length) bareUntil = Date.now() + BARE_MS;
}

/** The browser gives up for good after some answers (503, 502): the attempts are ours. */
function again() {
  source.close();
  source = null;
  if (status === "live") set("connecting");
  clearTimeout(retry);
  retry = setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
}

/** What comes through now was sent long ago: it is no sign of life, and a fresh stream has what is true now. */
function late() {
  if (Date.now() - startedAt < SILENT_MS) return;
  startedAt = Date.now();
  set("connecting");
  open();
}

function heard() {
  heardAt = Date.now();
  set("live");
}

function set(next) {
  if (next === status) return;
  status = next;
  target.dispatchEvent(new CustomEvent("status", { detail: status }));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A browser has six connections to a server: pages that nobody looks at, or that it keeps for "back", must hold none. */
function rest() {
  clearTimeout(retry);
  source?.close();
  source = null;
  set("connecting");
}

function wake() {
  if (!started || source) return;
  startedAt = Date.now();
  heardAt = 0;
  open();
}

document.addEventListener("visibilitychange", () => (document.hidden ? rest() : wake()));
window.addEventListener("pagehide", rest);
window.addEventListener("pageshow", wake);

setInterval(() => {
  if (!started || document.hidden || Date.now() - (heardAt || startedAt) < SILENT_MS) return;
  const fresh = status !== "silent";
  set("silent");
  // a connection that is up and says nothing may hang for hours: ask anew
  if (fresh && source) {
    source.close();
    open();
  }
}, 1000);
