// Parts that all pages share: what stands where data is not there yet, is not there at all, or could not be had; dialogs.

import { h, put } from "./dom.js";
import { clock, iso } from "./format.js";
import { redraw } from "./redraw.js";

/** Grey bars where rows will be; a reader hears "loading". */
export function loading(rows = 5) {
  return h("div.loading", { role: "status", "aria-label": "Loading" }, Array.from({ length: rows }, () => h("div.bar")));
}

/** Nothing is there, and why that may be so. */
export function empty(title, text, ...more) {
  return h("div.empty", null, h("p.title", null, title), text && h("p", null, text), more);
}

/** What failed, in the server's words, what to do, and a way to try again. */
export function failure(error, again) {
  return h(
    "div.failure",
    { role: "alert" },
    h("p.title", null, error.detail || error.message || "Something failed."),
    error.hint && h("p", null, error.hint),
    again && h("button", { onclick: again }, "Try again"),
  );
}

const RETRY_MS = 10000;
const retries = new WeakMap();
/** What holds content, not what stands for it while it is loaded or missing. */
const complete = new WeakSet();

/** Whether a failure may be over by itself: no answer, or one that says that something is away. */
export const passes = (error) => !error.status || error.status === 429 || error.status >= 500;

/**
 * Fill `root` with what `load` makes, with loading and failure around it, and again while it fails; nothing when `signal`
 * has aborted. What `quiet` brings takes the place of the same content, which `load` makes anew each time, and while it
 * brings nothing that content stays, marked as old.
 */
export async function filled(root, signal, load, { rows = 5, quiet = false } = {}) {
  const show = (how, content, whole) => {
    how(root, content);
    complete[whole ? "add" : "delete"](root);
    root.classList.remove("old");
  };
  if (!quiet) show(put, loading(rows), false);
  try {
    const made = await load();
    if (signal.aborted || !made) return;
    failureIn(root)?.remove();
    show(complete.has(root) ? redraw : put, made, true);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (!error.title && !error.status) console.error(error);
    // what may be had again soon stays in sight, as old: it may be all that somebody has to go by
    const keep = complete.has(root) && passes(error);
    const told = failure(error, () => filled(root, signal, load, { rows, quiet: keep }));
    // the same again is no news, least of all to whoever has it read out
    const before = failureIn(root);
    const same = before?.textContent === told.textContent;
    if (!same && keep) before?.remove(), root.prepend(told);
    if (!same && !keep) show(put, told, false);
    root.classList.toggle("old", keep);
    const shown = same ? before : told;
    clearTimeout(retries.get(root));
    if (passes(error)) retries.set(root, setTimeout(() => !signal.aborted && shown.isConnected && filled(root, signal, load, { rows, quiet: true }), RETRY_MS));
  }
}

const failureIn = (root) => root.querySelector(":scope > .failure");

export function timeCell(time, options) {
  return h("time", { datetime: iso(time), title: iso(time) || null }, clock(time, options));
}

/** A head of a page: its name, where it belongs, and what stands at the right. */
export function heading(title, trail = [], ...right) {
  return h(
    "header.heading",
    null,
    h(
      "div",
      null,
      trail.length ? h("nav.trail", { "aria-label": "Path" }, trail.map(([text, href]) => h("a", { href }, text))) : null,
      h("h1", { tabindex: "-1" }, title),
    ),
    right.length ? h("div.tools", null, right) : null,
  );
}

/** Names and values, two columns. */
export function facts(pairs) {
  return h("dl.facts", null, pairs.filter(Boolean).map(([name, value]) => [h("dt", null, name), h("dd", null, value ?? "–")]));
}

/** A table of few rows. `columns`: [title, class]; `rows`: lists of cells, or {key, cells} where rows come and go. */
export function table(caption, columns, rows, attributes) {
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      attributes,
      h("caption.hidden", null, caption),
      h("thead", null, h("tr", null, columns.map(([title, kind]) => h("th", { scope: "col", class: kind ?? "" }, title)))),
      h("tbody", null, rows.map((one) => (Array.isArray(one) ? row(columns, one) : row(columns, one.cells, { data: { key: one.key } })))),
    ),
  );
}

/** A row of such a table. */
export function row(columns, cells, attributes) {
  return h("tr", attributes, cells.map((cell, index) => h("td", { class: columns[index]?.[1] ?? "" }, cell)));
}

/** A choice of a few, as buttons of which one is pressed. */
export function choice(label, options, chosen, onpick) {
  const draw = (group, now) =>
    redraw(
      group,
      options.map(([value, text]) =>
        h("button", { type: "button", "aria-pressed": String(value === now), data: { value: String(value) }, onclick: ({ currentTarget }) => (draw(currentTarget.parentElement, value), onpick(value)) }, text),
      ),
    );
  const group = h("div.choice", { role: "group", "aria-label": label });
  draw(group, chosen);
  return group;
}

/** A field with its name above it. */
export function field(label, control, hint) {
  return h("label.field", null, h("span", null, label), control, hint && h("small", null, hint));
}

/** A dialog with a form. `submit(form)` may throw an ApiError, which is shown in it; it closes when that returns. */
export function dialog(title, body, action, submit) {
  const message = h("div", { role: "alert" });
  const button = action && h("button.primary", { type: "submit" }, action);
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", null, title),
    body,
    message,
    h("div.buttons", null, h("button", { type: "button", onclick: () => box.close() }, action ? "Cancel" : "Close"), button),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    put(message);
    try {
      await submit(new FormData(form));
      box.close();
    } catch (error) {
      put(message, failure(error));
    }
    button.disabled = false;
  });
  const before = document.activeElement;
  const box = h("dialog", { "aria-label": title, onclose: () => (box.remove(), before?.focus?.()) }, form);
  document.body.append(box);
  box.showModal();
  form.querySelector("input,select,textarea")?.focus();
  return box;
}

/** A line at the foot of the page for some seconds: what was done. */
export function notice(text, kind = "done") {
  const line = h("div.notice", { class: kind }, text);
  document.getElementById("notices").append(line);
  setTimeout(() => line.remove(), 8000);
}
