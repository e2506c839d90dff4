// How numbers, times and ages are written.

const NOTHING = "–";
const ZONE_KEY = "ironstream.zone";

/** Six digits that matter, all of those before the point, no exponent for what people read every day; "–" for none. */
export function number(value) {
  if (value === null || value === undefined || value === "") return NOTHING;
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return NOTHING;
  if (value === 0) return "0"; // minus zero is no other number to anybody
  if (Number.isInteger(value) && Math.abs(value) < 1e12) return value.toLocaleString("en-GB").replaceAll(",", "\u202f");
  const size = Math.abs(value);
  if (size >= 1e12 || (size < 1e-4 && size > 0)) return value.toExponential(3);
  const [whole, rest] = value.toFixed(Math.max(0, Math.min(6, 5 - Math.floor(Math.log10(size || 1))))).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const shown = rest?.replace(/0+$/, "");
  return shown ? `${grouped}.${shown}` : grouped;
}

export function rate(value) {
  if (value === null || value === undefined) return NOTHING;
  return number(value >= 100 ? Math.round(value) : Math.round(value * 100) / 100);
}

/** Seconds as a person says them: 4 s, 3 min, 2 h 10 min, 5 d. */
export function age(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 100) return `${whole} s`;
  if (whole < 6000) return `${Math.floor(whole / 60)} min`;
  if (whole < 172800) {
    const minutes = Math.floor((whole % 3600) / 60);
    return `${Math.floor(whole / 3600)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  return `${Math.floor(whole / 86400)} d`;
}

export const inUtc = () => localStorage.getItem(ZONE_KEY) === "utc";

export function switchZone() {
  localStorage.setItem(ZONE_KEY, inUtc() ? "local" : "utc");
}

/** UTC, or the offset of this browser. */
export function zone() {
  if (inUtc()) return "UTC";
  const minutes = -new Date().getTimezoneOffset();
  if (!minutes) return "UTC";
  const size = Math.abs(minutes);
  const rest = size % 60 ? `:${String(size % 60).padStart(2, "0")}` : "";
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest}`;
}

/** A date whose plain getters give the parts in the zone that is chosen. */
export function zoned(ms) {
  const date = new Date(ms);
  return inUtc() ? new Date(ms + date.getTimezoneOffset() * 60000) : date;
}

/** Milliseconds of a time as the API writes it; null for none. */
export function ms(time) {
  if (typeof time === "number") return time;
  const parsed = time ? Date.parse(time) : NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

/** 14:03:22.125 of today, 12 Nov 14:03:22 of another day. */
export function clock(time, { millis = false } = {}) {
  const at = ms(time);
  if (at === null) return NOTHING;
  const date = zoned(at);
  const today = zoned(Date.now());
  const two = (value) => String(value).padStart(2, "0");
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const exact = millis ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
  if (date.toDateString() === today.toDateString()) return exact;
  const month = date.toLocaleString("en-GB", { month: "short" });
  const year = date.getFullYear() === today.getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${month}${year} ${exact}`;
}

export function iso(time) {
  const at = ms(time);
  return at === null ? "" : new Date(at).toISOString();
}

/** 1 s, 10 s, 1 min, 1 h: the size of a window. */
export function size(seconds) {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** clock_skew → clock skew. */
export function words(name) {
  return String(name ?? "").replaceAll("_", " ").toLowerCase();
}

/** One thing, two things. */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}
