// Requests to /api/v1. Every failure is an ApiError that says what to do next.

const BASE = "api/v1/";
/** Longer than the server waits for whoever carries a change out. */
const CHANGE_MS = 60000;
let loggedOut = () => null;

/** What is to happen when the server says that nobody is logged in any more. */
export function whenLoggedOut(action) {
  loggedOut = action;
}

/** What went wrong, in the server's words (problem+json) or, when it did not answer, in ours. `status` 0: no answer. */
export class ApiError extends Error {
  constructor(status, title, detail, hint) {
    super(detail || title);
    Object.assign(this, { status, title, detail, hint });
  }
}

/** An address below the API with its parameters; empty ones are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") query.append(name, one);
  }
  const text = query.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** Parts of a path, each encoded: `path("series", "acme", "north", "pump-1", "flow")`. */
export function path(...parts) {
  return parts.map((part) => encodeURIComponent(part)).join("/");
}

export function get(where, parameters, signal) {
  return ask(address(where, parameters), { signal });
}

/** A request that changes something. The header tells the server that it is this page that asks, not another site. */
export function post(where, body, signal) {
  const limit = AbortSignal.timeout(CHANGE_MS);
  return ask(BASE + where, {
    method: "POST",
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    headers: { "Content-Type": "application/json", "X-Ironstream": "1" },
    body: JSON.stringify(body ?? {}),
  });
}

/** All items of a list, page by page, at most `most`; `{items, more, total}`, the total being what the server says. */
export async function all(where, parameters, most, signal) {
  const items = [];
  let cursor = null;
  let total = null;
  do {
    const page = await get(where, { ...parameters, limit: 1000, cursor }, signal);
    items.push(...page.items);
    cursor = page.next;
    total = page.total ?? null;
  } while (cursor && items.length < most);
  return { items, more: Boolean(cursor), total };
}

/** The status of an answer whose body is not wanted; 0: no answer. */
export async function statusOf(url) {
  const body = new AbortController();
  const response = await fetch(url, { credentials: "same-origin", signal: body.signal }).catch(() => null);
  body.abort();
  if (response?.status === 401) loggedOut();
  return response?.status ?? 0;
}

/** A page of CSV: its text, the cursor of the next one, and the name that the file is to have. */
export async function pageOf(where, parameters, signal) {
  const response = await answer(address(where, parameters), { signal });
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  return { text: await response.text(), next: response.headers.get("X-Next"), name };
}

async function ask(url, options) {
  const response = await answer(url, options);
  return response.status === 204 ? null : response.json();
}

async function answer(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // a change whose answer is lost may have been made: nothing here sends it again by itself
    if (options.method === "POST") throw new ApiError(0, "No answer", "The server has not answered: it is not known whether this took effect.", "Look whether it did before you send it again.");
    throw new ApiError(0, "No answer", "The server does not answer.", "Is `ironstream web` running? This page tries again by itself.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) loggedOut();
  throw new ApiError(response.status, problem.title ?? `${response.status}`, problem.detail, problem.hint);
}
