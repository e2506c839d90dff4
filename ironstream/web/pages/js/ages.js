// Values age in sight: one clock a second for all that is on the page.
//
// An element with `data-seen` (ms since the epoch, of this browser's clock) shows its age. With `data-limit` (seconds) the
// nearest element around it that has `data-ages` becomes stale when that is over. A stale value never looks fresh.

import { say } from "./dom.js";
import { age } from "./format.js";

export const STALE_UNKNOWN_S = 60;

/** Seconds after which a series is stale, as the server says; until that is known what holds for an unknown interval. */
export function limitOf(series) {
  return series?.stale_after_s ?? STALE_UNKNOWN_S;
}

/** Say when a value was true. `seenMs` null: never. `stale`: the server has said so already. */
export function mark(element, seenMs, limitS, stale = false) {
  element.dataset.seen = seenMs ?? "";
  element.dataset.limit = limitS ?? "";
  if (stale) element.dataset.told = "1";
  else delete element.dataset.told;
  show(element, Date.now());
}

/** The moment, by this browser's clock, at which something was `ageS` seconds old when it came. */
export function seenAt(ageS) {
  return ageS === null || ageS === undefined ? null : Date.now() - ageS * 1000;
}

function show(element, now) {
  const seen = Number(element.dataset.seen);
  const known = element.dataset.seen !== "";
  const seconds = known ? (now - seen) / 1000 : null;
  say(element, known ? age(seconds) : "never");
  if (element.dataset.limit === "") return;
  const stale = !known || seconds > Number(element.dataset.limit) || element.dataset.told === "1";
  const scope = element.closest("[data-ages]");
  scope?.classList.toggle("stale", stale);
}

/** Bring the ages below an element up to date. */
export function refresh(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("[data-seen]")) show(element, now);
}

setInterval(() => refresh(), 1000);
