// What a heartbeat says that a person has to know of whatever the page shows.

import { count } from "./format.js";

/** What it is, for how many seconds if that is known, and what to think of it; null where all is well. */
export function troubleOf(beat) {
  if (!beat) return null;
  if (typeof beat.uncommitted_s === "number") {
    const waiting = beat.lag_records ? `${count(beat.lag_records, "record waits", "records wait")}. ` : "";
    return { what: "No worker has committed", seconds: beat.uncommitted_s, then: `${waiting}Tables, alarms and series are as of then. Is a worker running?` };
  }
  if (beat.status === "degraded" && beat.down?.length) {
    return { what: `The server cannot follow ${beat.down.join(", ")} just now`, seconds: null, then: "What depends on it is old. It tries again by itself; its log says why." };
  }
  return null;
}
