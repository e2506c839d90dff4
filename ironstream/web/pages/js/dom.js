// Elements made from text alone: nothing here, and nothing elsewhere, parses markup. Names that devices made stay text.

const SVG = "http://www.w3.org/2000/svg";
/** Names of the properties that listeners were given by. */
export const HANDLERS = new Set();

/** `h("td.number", {title: "…"}, child, …)`: an element. A function is a listener, `null` and `false` are left out. */
export function h(spec, attributes, ...children) {
  const [tag, ...classes] = spec.split(".");
  return fill(document.createElement(tag || "div"), classes, attributes, children);
}

/** The same for SVG. */
export function s(spec, attributes, ...children) {
  const [tag, ...classes] = spec.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) listen(element, name, value);
    else if (name === "data") Object.assign(element.dataset, value);
    // one by one: an attribute `style` is refused by the content security policy
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "class") element.classList.add(...value.split(" ").filter(Boolean));
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

/** A property, so that it can be told which listener there is. What the listener returns says nothing: `false` would
 * cancel the event. */
function listen(element, name, listener) {
  HANDLERS.add(name);
  element[name] = (event) => void listener(event);
}

/** Append children: elements, text, lists of them; nothing for `null`, `undefined` and `false`. */
export function add(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replace what is in an element. */
export function put(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** Set the text of an element only when it is another one: no layout, and no reader disturbed, for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Calls of one frame become one call in the next. */
export function perFrame(action) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      action();
    });
  };
}

/**
 * However often it is called, `action` begins at most every `ms` and never while it is under way; a call meanwhile has it
 * done once more. Nothing begins after `signal` has aborted, or while nobody looks: then it waits for that.
 */
export function atMost(action, ms, signal) {
  let [wanted, busy, timer] = [false, false, 0];
  const turn = async () => {
    timer = 0;
    if (!wanted || busy || signal.aborted || document.hidden) return;
    [wanted, busy] = [false, true];
    const next = new Promise((done) => setTimeout(done, ms));
    await Promise.allSettled([action(), next]);
    busy = false;
    turn();
  };
  document.addEventListener("visibilitychange", turn, { signal });
  return () => {
    wanted = true;
    timer ||= setTimeout(turn, 0);
  };
}

/** Waits until nobody has called for `ms`. */
export function debounced(action, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), ms);
  };
}
