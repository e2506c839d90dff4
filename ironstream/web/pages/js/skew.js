// How far this browser's clock is ahead of the server's, from heartbeats that may be delayed.

const KEPT = 24;
/** A heartbeat that comes so much later than the quickest of those before it has waited somewhere on its way. */
const LATE_MS = 10000;
/** A clock that was set makes all of them late by as much; what a proxy or a sleep held back comes at once. */
const AGREEING = 3;
const AGREE_MS = 2000;

/** Of several differences the smallest has the least delay in it. */
export class Skew {
  constructor() {
    this.recent = [];
    this.delayed = [];
    this.late = false;
  }

  get ms() {
    return this.recent.length ? Math.min(...this.recent) : 0;
  }

  /** Take a heartbeat that was sent and came at these times; whether it is as good as now. */
  heard(sentMs, nowMs) {
    const ahead = nowMs - sentMs;
    this.late = this.recent.length > 0 && ahead > this.ms + LATE_MS;
    this.delayed = this.late ? [...this.delayed, ahead].slice(-AGREEING) : [];
    if (this.delayed.length === AGREEING && Math.max(...this.delayed) - Math.min(...this.delayed) < AGREE_MS) {
      this.recent = this.delayed.splice(0);
      this.late = false;
      return true;
    }
    if (!this.late) this.recent = this.recent.concat(ahead).slice(-KEPT);
    return !this.late;
  }
}
