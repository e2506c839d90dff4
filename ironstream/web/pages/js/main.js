// The page as a whole: who is there, which view the address names, the shell around it.

import { get, whenLoggedOut } from "./api.js";
import { put, h } from "./dom.js";
import * as live from "./live.js";
import { failure, loading } from "./parts.js";
import { drawShell, shellFor } from "./shell.js";
import { listen } from "./keys.js";

/** Views by the first word of the address; each is loaded when it is first opened. */
const VIEWS = {
  overview: () => import("./views/overview.js"),
  assets: () => import("./views/assets.js"),
  asset: () => import("./views/asset.js"),
  series: () => import("./views/series.js"),
  alarms: () => import("./views/alarms.js"),
  dlq: () => import("./views/dlq.js"),
  records: () => import("./views/records.js"),
  tables: () => import("./views/tables.js"),
  topology: () => import("./views/topology.js"),
  gateways: () => import("./views/gateways.js"),
  ledger: () => import("./views/ledger.js"),
  login: () => import("./views/login.js"),
};
const LOGIN = "#/login";
/** Where one was when the login was asked for; kept over the way to an identity provider and back. */
const WANTED = "ironstream.wanted";
const main = document.getElementById("main");
let leaving = new AbortController();
let me = null;
let drawn = "";

/** `#/series/a/b/c/d?from=…` → {view, parts, query}. */
function parse(hash) {
  const [route, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...parts] = route.split("/").filter(Boolean).map(decoded);
  return { view: view || "overview", parts, query: new URLSearchParams(search) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function show() {
  const where = parse(location.hash);
  const known = VIEWS[where.view];
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  const fresh = where.view + where.parts.join("/") !== drawn;
  drawn = where.view + where.parts.join("/");
  shellFor(where.view);
  if (!known) {
    put(main, failure({ detail: `There is no page “${where.view}”.`, hint: "The navigation above names those that there are." }));
    return;
  }
  if (fresh) put(main, loading(6));
  try {
    const view = await known();
    if (signal.aborted) return;
    const root = h("div.view", { class: where.view });
    document.title = "ironstream";
    if (where.view !== "series" && where.view !== "asset") live.follow([]);
    const ready = view.show({ root, ...where, me, signal, title, again: show });
    put(main, root);
    if (fresh) {
      main.scrollTop = 0;
      (root.querySelector("h1") ?? main).focus({ preventScroll: true });
    }
    await ready;
  } catch (error) {
    if (!signal.aborted) put(main, failure(error, show));
  }
}

function title(text) {
  document.title = `${text} · ironstream`;
}

const isLogin = (hash) => /^#\/login\b/.test(hash);

function askWho() {
  if (isLogin(location.hash)) return;
  sessionStorage.setItem(WANTED, location.hash);
  history.replaceState(null, "", LOGIN);
}

async function boot() {
  put(main, loading(6));
  try {
    me = await get("me");
  } catch (error) {
    if (error.status === 401) {
      askWho();
      document.body.classList.add("anonymous");
      window.addEventListener("hashchange", show);
      await show();
      return;
    }
    put(main, failure(error, boot));
    setTimeout(() => me || boot(), 5000);
    return;
  }
  if (isLogin(location.hash) || !location.hash) history.replaceState(null, "", sessionStorage.getItem(WANTED) || "#/overview");
  sessionStorage.removeItem(WANTED);
  // a session may end while a page is open
  whenLoggedOut(() => {
    askWho();
    location.reload();
  });
  drawShell(me);
  listen();
  live.start();
  window.addEventListener("hashchange", show);
  await show();
}

boot();
