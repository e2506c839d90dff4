// Rows of a span as one file for spreadsheets, however many answers it takes. A file that has not all says so itself.

import { pageOf } from "./api.js";

const ROWS = 10000;
/** More in one file no spreadsheet opens. */
const MOST_ROWS = 1000000;
/** Answers that were cut short have few rows, or none. */
const PAGES = 500;
const INCOMPLETE = "# incomplete:";
const END = "\r\n";

/**
 * Save what `where` answers as CSV; {more}: whether there was more than one file may have. `once`: the first column is
 * what a row is of, and the newest one holds (a window that was restated).
 */
export async function saveCsv(where, parameters, { once = false, signal }) {
  const { name, parts, more } = await gathered((cursor) => pageOf(where, { ...parameters, limit: ROWS, format: "csv", cursor }, signal), { once });
  save(name, parts);
  return { more };
}

/** The pages that `ask(cursor)` answers as one text, in parts; `most` rows of them. */
export async function gathered(ask, { once = false, most = MOST_ROWS }) {
  const lines = new Map();
  let [cursor, head, name, pages, rows] = [null, "", "rows.csv", 0, 0];
  do {
    const page = await ask(cursor);
    const [first, ...rest] = page.text.split(END).filter(Boolean);
    // what a page says of itself does not hold of the file
    const told = rest.filter((line) => !line.startsWith(INCOMPLETE));
    head ||= first + END;
    name = page.name ?? name;
    rows += told.length;
    if (once) for (const line of told) lines.set(line.split(",", 1)[0], line + END);
    else if (told.length) lines.set(pages, told.join(END) + END);
    cursor = page.next;
  } while (cursor && ++pages < PAGES && rows < most);
  const end = cursor ? [`${INCOMPLETE} the span goes on after this row${END}`] : [];
  return { name, parts: [head, ...lines.values(), ...end], more: Boolean(cursor) };
}

function save(name, parts) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  // the browser has taken it by then
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
