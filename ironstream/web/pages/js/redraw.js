// Changes what is on the page in place: elements stay, and with them the focus, what is scrolled or selected, and a click
// that is under way while new data comes.

import { HANDLERS, add, say } from "./dom.js";

/**
 * Make these what is in an element. For what is made anew each time; an element that its maker keeps goes in by `put`.
 * Neighbours that come, go and move have a `data-key` each; others are told apart by their place and kind.
 */
export function redraw(element, ...children) {
  fit(element, add(element.cloneNode(false), children));
}

/** Make an element what another of its kind is, which is used up by that. */
export function become(element, made) {
  for (const name of HANDLERS) element[name] = made[name];
  for (const { name } of [...element.attributes]) {
    // `open`: that of whoever reads the page
    if (name !== "open" && !made.hasAttribute(name)) element.removeAttribute(name);
  }
  for (const { name, value } of made.attributes) {
    if (element.getAttribute(name) === value) continue;
    // as an attribute it would be refused by the content security policy
    if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value);
  }
  fit(element, made);
}

/** Give an element the children of another: what is there already stays where it is as far as it can. */
function fit(element, made) {
  const wanted = new Set([...made.children].map(keyOf));
  const known = new Map();
  for (const child of [...element.children]) {
    const key = keyOf(child);
    if (wanted.has(key)) known.set(key, child);
    else if (key) child.remove();
  }
  let place = element.firstChild;
  for (const one of [...made.childNodes]) {
    const key = keyOf(one);
    const there = key ? known.get(key) : nextLike(place, one);
    if (there?.nodeName !== one.nodeName) {
      element.insertBefore(one, place);
      continue;
    }
    if (key && there !== place) element.insertBefore(there, place);
    else place = cut(place, there).nextSibling;
    if (there instanceof Element) become(there, one);
    else say(there, one.textContent);
  }
  cut(place, null);
}

/** Remove the neighbours from `place` to before `end`, which it returns. */
function cut(place, end) {
  while (place !== end) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  return end;
}

function nextLike(place, one) {
  while (place && !keyOf(place) && place.nodeName !== one.nodeName) place = place.nextSibling;
  return keyOf(place) ? null : place;
}

function keyOf(node) {
  return node?.dataset?.key;
}
