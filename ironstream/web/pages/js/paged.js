// A list that comes in pages and is kept as it is now: the pages in sight are read again, the others when they come in
// sight. Pages are bounded by keys, not by numbers: what joins or leaves the list moves nothing of another page.

const PAGE = 500;
/** A page that has grown beyond so many times its size is cut in two. */
const MOST = 2;

/**
 * `ask(limit, cursor)` gives {items, next}, `size` of them for a page; `order(item)` a list of texts and numbers by which
 * the server has sorted. `rows` are the items so far, in one list; an item that is as it was stays the same object.
 */
export class Paged {
  constructor({ ask, order, size = PAGE }) {
    Object.assign(this, { ask, order, size });
    this.begin();
  }

  /** Forget everything: the list is another one. */
  begin() {
    this.pages = [];
    this.next = null;
    this.turn = (this.turn ?? 0) + 1;
    this.busy = false;
    this.rows = [];
  }

  /** Whether there is more below. */
  get open() {
    return this.next !== null || !this.pages.length;
  }

  /** Read the next page; true when it came. False when the list has become another one meanwhile. */
  async more() {
    const turn = this.turn;
    const begin = this.next;
    const place = this.pages.length;
    const page = await this.ask(this.size, begin);
    if (turn !== this.turn || begin !== this.next || place !== this.pages.length) return false;
    this.pages.push({ begin, items: page.items });
    this.next = page.next;
    this.join();
    return true;
  }

  /** Read the pages that rows `first` to `last` are of again; true when any is another one now. */
  async refresh(first, last) {
    if (this.busy) return false;
    this.busy = true;
    const turn = this.turn;
    let changed = false;
    try {
      for (const page of this.between(first, last)) {
        const got = await this.ask(MOST * this.size, page.begin);
        if (turn !== this.turn) return false;
        changed = this.renew(page, got) || changed;
      }
    } finally {
      if (turn === this.turn) this.busy = false;
    }
    if (changed) this.join();
    return changed;
  }

  between(first, last) {
    let from = 0;
    return this.pages.filter((page) => {
      const start = from;
      from += page.items.length;
      // an empty page, too: something may have come into it
      return start <= last && from >= first;
    });
  }

  /** What is now between the ends of a page. */
  renew(page, got) {
    const place = this.pages.indexOf(page);
    const following = this.pages[place + 1];
    const end = following && page.items.length ? this.order(page.items.at(-1)) : null;
    let items = got.items;
    if (!page.items.length && following) return this.merge(page, following);
    if (end) items = items.filter((one) => !after(this.order(one), end));
    else if (!following) this.next = got.next;
    if (end && items.length === got.items.length && got.next) {
      // more than is asked for at once lies between them: what is below begins anew where this ends
      this.pages.length = place + 1;
      this.next = got.next;
    }
    const known = new Map(page.items.map((one) => [this.order(one).join("/"), one]));
    let same = items.length === page.items.length;
    page.items = items.map((one, index) => {
      const before = known.get(this.order(one).join("/"));
      const kept = before && JSON.stringify(before) === JSON.stringify(one) ? before : one;
      same = same && kept === page.items[index];
      return kept;
    });
    return !same;
  }

  /** A page that all have left is one with the next. */
  merge(page, following) {
    following.begin = page.begin;
    this.pages.splice(this.pages.indexOf(page), 1);
    return true;
  }

  join() {
    this.rows = this.pages.flatMap((page) => page.items);
  }
}

function after(one, other) {
  const place = one.findIndex((part, index) => part !== other[index]);
  return place >= 0 && one[place] > other[place];
}
