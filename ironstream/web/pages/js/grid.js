// A table of any length: only the rows in sight are in the document, and a row that changes does so in place, alone.
//
// Keyboard: arrows, Page Up/Down, Home, End move; Enter opens. Pages of the list are asked for when their rows come near.

import { refresh } from "./ages.js";
import { h, perFrame, put } from "./dom.js";
import { become } from "./redraw.js";

const AHEAD = 8;
let grids = 0;

/**
 * `columns`: {title, kind, cell(row)}; `key(row)`; `open(row)`; `label`; `blank`: shown when there is no row;
 * `more()`: called when the end comes near, returns a promise of nothing. `kind` "wide" is left out on a phone.
 */
export class Grid {
  constructor({ columns, key, open, label, blank, more, template, select }) {
    Object.assign(this, { columns, key, open, blank, more, select });
    this.rows = [];
    this.places = new Map();
    this.drawn = new Map();
    this.current = null;
    this.loading = false;
    this.head = h("div.grid-head", { role: "row", "aria-rowindex": 1 }, columns.map((column) => h("div", { role: "columnheader", class: column.kind ?? "" }, column.title)));
    this.body = h("div.grid-body", { role: "rowgroup" });
    this.notice = h("div.grid-blank");
    this.scroller = h(
      "div.grid",
      { role: "grid", tabindex: "0", "aria-label": label, "aria-readonly": "true", style: { "--columns": template }, onscroll: () => this.redraw(), onkeydown: (event) => this.keyed(event) },
      this.head,
      this.body,
      this.notice,
    );
    this.element = this.scroller;
    this.redraw = perFrame(() => this.draw());
    this.ids = `grid${++grids}`;
    // an observer lives as long as what it observes, and holds all that its callback sees: left alone, neither ever goes
    const watcher = new ResizeObserver(() => (this.scroller.isConnected ? this.redraw() : watcher.disconnect()));
    watcher.observe(this.scroller);
  }

  /** All rows anew. One that was there has its element, wherever it stands now; one that is the same object costs nothing. */
  set(rows, known = null) {
    this.rows = rows;
    this.places = new Map(rows.map((row, index) => [this.key(row), index]));
    this.total = known ?? rows.length;
    this.scroller.setAttribute("aria-rowcount", this.total + 1);
    put(this.notice, rows.length ? null : this.blank);
    for (const [key, { element, row, place }] of this.drawn) {
      const now = this.places.get(key);
      if (now === undefined) {
        element.remove();
        this.drawn.delete(key);
        continue;
      }
      if (rows[now] !== row) become(element, this.make(rows[now], now));
      else if (now !== place) this.at(element, now);
      this.drawn.set(key, { element, row: rows[now], place: now });
    }
    this.redraw();
  }

  /** The row that is chosen, if it is still there. */
  chosen() {
    return this.rows[this.places.get(this.current)] ?? null;
  }

  choose(key, { scroll = true } = {}) {
    this.current = key;
    this.drawn.forEach(({ element }, one) => element.setAttribute("aria-selected", String(one === key)));
    const place = this.places.get(key);
    if (place === undefined) return;
    this.scroller.setAttribute("aria-activedescendant", `${this.ids}-${place}`);
    if (scroll) this.reveal(place);
    this.select?.(this.rows[place]);
  }

  reveal(place) {
    const height = this.height();
    const top = place * height;
    const view = this.scroller.clientHeight - this.head.offsetHeight;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + height > this.scroller.scrollTop + view) this.scroller.scrollTop = top + height - view;
    this.draw();
  }

  height() {
    return parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 34;
  }

  /** The places of the rows in sight, and of some around them: from the first to before the last. */
  sight() {
    const height = this.height();
    const { scrollTop, clientHeight } = this.scroller;
    return [Math.max(0, Math.floor(scrollTop / height) - AHEAD), Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / height) + AHEAD)];
  }

  draw() {
    const height = this.height();
    const [first, last] = this.sight();
    this.body.style.setProperty("height", `${this.rows.length * height}px`);
    const wanted = new Set();
    for (let place = first; place < last; place++) {
      const key = this.key(this.rows[place]);
      wanted.add(key);
      if (this.drawn.has(key)) continue;
      const element = this.make(this.rows[place], place);
      this.drawn.set(key, { element, row: this.rows[place], place });
      this.body.append(element);
    }
    for (const [key, { element }] of this.drawn) {
      if (wanted.has(key)) continue;
      element.remove();
      this.drawn.delete(key);
    }
    if (this.more && !this.loading && last >= this.rows.length - 2 * AHEAD) {
      const asked = this.more();
      if (!asked) return;
      this.loading = true;
      asked.catch(() => null).finally(() => {
        this.loading = false;
      });
    }
  }

  make(row, place) {
    const key = this.key(row);
    const element = h(
      "div.grid-row",
      {
        role: "row",
        "aria-selected": String(key === this.current),
        data: { key, ages: "" },
        onclick: (event) => {
          if (event.target.closest("a,button")) return;
          this.choose(key, { scroll: false });
          this.open?.(row);
        },
      },
      this.columns.map((column) => h("div", { role: "gridcell", class: column.kind ?? "" }, column.cell(row))),
    );
    this.at(element, place);
    refresh(element);
    return element;
  }

  at(element, place) {
    element.id = `${this.ids}-${place}`;
    element.setAttribute("aria-rowindex", place + 2);
    element.style.setProperty("top", `${place * this.height()}px`);
  }

  keyed(event) {
    const now = this.places.get(this.current) ?? -1;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.height()) - 2);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps && this.rows.length) {
      event.preventDefault();
      const next = Math.min(this.rows.length - 1, Math.max(0, now + steps[event.key]));
      this.choose(this.key(this.rows[next]));
    } else if (event.key === "Enter" && now >= 0 && event.target === this.scroller) {
      event.preventDefault();
      this.open?.(this.rows[now]);
    }
  }
}
