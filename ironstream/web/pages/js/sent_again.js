// Changes that may be sent again: under the id of the first, a second has no second effect.

/** A new id (a UUID); browsers have it ready-made on safe addresses only. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

/**
 * What `make(form)` makes, the same (with its id and its times) for as long as the form says the same. `forget()`: it
 * was refused, so that the next one is another.
 */
export function sameAgain(make) {
  let [said, made] = [null, null];
  return {
    of(form) {
      const now = JSON.stringify([...form]);
      if (now !== said) [said, made] = [now, make(form)];
      return made;
    },
    forget() {
      said = null;
    },
  };
}

/** Whether a change that failed so may have been made all the same: no answer, or one of somebody between. */
export const mayHaveActed = ({ status }) => status === 0 || status === 500 || status === 502 || status === 504;

/** What is said then. */
export function unknown(why) {
  return { detail: "It is not known whether this took effect.", hint: `${why ? `${why} ` : ""}You may send it again: if the first took effect, the second does nothing.` };
}
