"""The quality of readings: time, duplicates, value, gap, rate, in this order.

Every rule exists twice: over columns for the readings that break nothing (nearly all), and one by one for the series
where something is off. Both give the same results however the log is cut into batches; a property test holds them
to it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.batch import BAD, GOOD, SUSPECT, UNCERTAIN, Batch, Fate, Finding, Reason
from ironstream.domain.duplicates import Duplicates
from ironstream.domain.segments import Bools, Segments, previous, running_max, segments
from ironstream.domain.series import NEVER, SeriesTable

STEP_CONFIRMATIONS: Final = 3
"""A new level after a step counts as real once this many readings in a row were suspect for it."""
_EVENT_EVERY_US: Final = 60_000_000
_SECOND_US: Final = 1_000_000


def assess(batch: Batch, table: SeriesTable, seen: Duplicates) -> list[Finding]:
    """Fill `time`, `code`, `reasons` and `fate` of a batch; move the state of its series on; return what was found.

    Rows without a usable time and duplicates leave the state of values and windows alone.
    """
    findings: list[Finding] = []
    _times(batch, table, findings)
    bad_time = (batch.reasons & Reason.TIME_OUT_OF_RANGE) != 0
    batch.fate[bad_time] = Fate.REJECTED
    live = np.flatnonzero(~bad_time)
    if len(live):
        duplicate = seen.mark(batch if len(live) == len(batch) else batch.take(live), table)
        batch.fate[live[duplicate]] = Fate.DUPLICATE
        live = live[~duplicate]
    if len(live):
        kept = batch.take(live)
        surplus = _surplus(kept, table, findings)
        _gaps(kept, table, findings)
        _values(kept)
        _ranges(kept, table)
        counted = kept.take(np.flatnonzero(~surplus)) if surplus.any() else kept
        if len(counted):
            _series_rules(counted, table)
        if counted is not kept:
            kept.code[~surplus], kept.reasons[~surplus] = counted.code, counted.reasons
            kept.counted[~surplus], kept.before[~surplus] = counted.counted, counted.before
            late_excess = surplus & (kept.fate != Fate.REJECTED)
            kept.worsen(late_excess, BAD, Reason.RATE_LIMITED)
            kept.fate[surplus] = Fate.REJECTED
        batch.code[live], batch.reasons[live], batch.fate[live] = kept.code, kept.reasons, kept.fate
        batch.counted[live], batch.before[live] = kept.counted, kept.before
    _count(batch, table)
    return findings


def _times(batch: Batch, table: SeriesTable, findings: list[Finding]) -> None:
    rules = table.rules
    missing = batch.device == NEVER
    batch.time = np.where(missing, batch.gateway, batch.device)
    if missing.any():
        batch.worsen(missing, UNCERTAIN, Reason.NO_DEVICE_TIME)
    # A device that stamps and sends by itself has no gateway; then the log's clock stands in for the range check.
    read_at = np.where(batch.gateway == NEVER, batch.append, batch.gateway)
    skew = read_at - batch.time
    outside = (skew < -rules["future"][batch.series]) | (skew > rules["past"][batch.series])
    if outside.any():
        batch.worsen(outside, BAD, Reason.TIME_OUT_OF_RANGE)
    both = (batch.gateway != NEVER) & ~missing & ~outside
    size = np.abs(skew)
    skewed = both & (size > rules["skew_suspect"][batch.series])
    if not skewed.any():
        return
    batch.worsen(skewed, SUSPECT, Reason.CLOCK_SKEW)
    far = skewed & (size > rules["skew_event"][batch.series])
    for at in _in_log_order(batch, far):
        _once_a_minute(batch, int(at), table, "skew_event", "clock_skew", {"skew_ms": int(skew[at]) // 1000}, findings)


def _in_log_order(batch: Batch, mask: Bools) -> NDArray[np.intp]:
    at = np.flatnonzero(mask)
    ordered: NDArray[np.intp] = at[np.argsort(batch.row[at], kind="stable")]
    return ordered


def _once_a_minute(
    batch: Batch,
    at: int,
    table: SeriesTable,
    column: str,
    type_: str,
    details: dict[str, Any],
    findings: list[Finding],
) -> None:
    """Report about the asset of row `at`, unless it was reported less than a minute ago by the log's clock."""
    series, now = int(batch.series[at]), int(batch.append[at])
    asset = int(table.rules["asset"][series])
    last = int(table.assets[column][asset])
    if last == NEVER or now - last >= _EVENT_EVERY_US:
        table.assets[column][asset] = now
        table.dirty_assets.add(asset)
        findings.append(Finding(type_, series, int(batch.time[at]), now, details, of_asset=True))


def _surplus(batch: Batch, table: SeriesTable, findings: list[Finding]) -> Bools:
    """Readings beyond `max_rate_per_s` of their asset, counted per second of the log's clock."""
    surplus = np.zeros(len(batch), np.bool_)
    asset = table.rules["asset"][batch.series].astype(np.int64)
    limited = table.asset_limit[asset] > 0
    if not limited.any():
        return surplus
    at = _in_log_order(batch, limited)
    second = batch.append[at] // _SECOND_US
    # Stable: within an asset and second the order of the log stays.
    order = np.lexsort((second, asset[at]))
    at, second = at[order], second[order]
    owner = asset[at]
    runs = segments(owner * np.int64(2**32) + (second - second.min()))
    who, when = owner[runs.start], second[runs.start]
    table.dirty_assets.update(np.unique(who).tolist())
    carried = np.where(table.assets["second"][who] == when, table.assets["count"][who], 0)
    number = carried[runs.of_row] + runs.rank()
    surplus[at] = number >= table.asset_limit[owner]
    # Runs of one asset are in the order of time, so the last one written is the newest.
    table.assets["second"][who] = when
    table.assets["count"][who] = carried + runs.length
    for row in _in_log_order(batch, surplus):
        limit = int(table.asset_limit[asset[row]])
        details = {"max_readings_per_s": limit}
        _once_a_minute(batch, int(row), table, "babble_event", "rate_limited", details, findings)
    return surplus


def _values(batch: Batch) -> None:
    not_a_number = ~np.isfinite(batch.value)
    if not_a_number.any():
        # A dead sensor (null, sent as BAD) passes: consumers must see it. Everything else that is no number does not.
        dead = batch.is_null & (batch.code == BAD)
        batch.worsen(not_a_number, BAD, Reason.NOT_A_NUMBER)
        batch.fate[not_a_number & ~dead] = Fate.REJECTED
    sent_bad = ~not_a_number & (batch.code == BAD)
    batch.fate[sent_bad] = Fate.REJECTED


def _ranges(batch: Batch, table: SeriesTable) -> None:
    rules = table.rules
    with np.errstate(invalid="ignore"):
        outside = (batch.value < rules["minimum"][batch.series]) | (batch.value > rules["maximum"][batch.series])
    outside &= batch.code != BAD
    if not outside.any():
        return
    bad = outside & rules["range_is_bad"][batch.series]
    batch.worsen(bad, BAD, Reason.RANGE)
    batch.worsen(outside & ~bad, SUSPECT, Reason.RANGE)
    batch.fate[bad] = Fate.REJECTED


def _series_rules(batch: Batch, table: SeriesTable) -> None:
    """Rules that compare a reading with those before it, and the state they leave behind."""
    runs = segments(batch.series)
    series = runs.key
    state = table.state
    newest = running_max(batch.time, runs, state["watermark"][series])
    batch.before = previous(newest, runs, state["watermark"][series])
    batch.counted[:] = True
    measured = batch.code != BAD
    if measured.all():
        _steps_and_held(batch, runs, table)
    elif measured.any():
        some = batch.take(np.flatnonzero(measured))
        _steps_and_held(some, segments(some.series), table)
        batch.code[measured], batch.reasons[measured] = some.code, some.reasons

    last = runs.last
    state["watermark"][series] = newest[last]
    state["last_append"][series] = np.maximum(state["last_append"][series], batch.append[last])
    table.dirty[series] = True


def _gaps(batch: Batch, table: SeriesTable, findings: list[Finding]) -> None:
    """Silence between a reading and the one before it; a reading that is one too many breaks the silence as well."""
    runs = segments(batch.series)
    state, interval = table.state, table.rules["interval"][batch.series]
    newest = running_max(batch.time, runs, state["heard"][runs.key])
    before = previous(newest, runs, state["heard"][runs.key])
    state["heard"][runs.key] = newest[runs.last]
    gap = np.where(before == NEVER, 0, batch.time - np.where(before == NEVER, 0, before))
    for at in np.flatnonzero((interval > 0) & (gap > 2 * interval)):
        expected, actual = int(interval[at]), int(gap[at])
        details = {
            "expected_interval_ms": expected // 1000,
            "actual_gap_ms": actual // 1000,
            "missing_samples": actual // expected - 1,
        }
        findings.append(Finding("gap", int(batch.series[at]), int(batch.time[at]), int(batch.append[at]), details))


def _steps_and_held(batch: Batch, runs: Segments, table: SeriesTable) -> None:
    rules, series = table.rules, runs.key
    stepped = np.isfinite(rules["max_rate"][series]) | np.isfinite(rules["max_step"][series])
    if stepped.any():
        _steps(batch, runs, table, stepped)
    held = rules["stuck_after"][series] > 0
    if held.any():
        _held(batch, runs, table, held)


def _steps(batch: Batch, runs: Segments, table: SeriesTable, wanted: Bools) -> None:
    """Rate of change against the previous good value."""
    state, rules, series = table.state, table.rules, runs.key
    value = previous(batch.value, runs, state["good_value"][series])
    time = previous(batch.time, runs, state["good_time"][series])
    first = time == NEVER
    elapsed = np.where(first, 1, batch.time - np.where(first, 0, time))
    change = np.where(first, 0.0, np.abs(batch.value - value))
    of_row = batch.series
    with np.errstate(divide="ignore", invalid="ignore"):
        calm = (elapsed > 0) & (batch.code == GOOD) & (change <= rules["max_step"][of_row])
        calm &= change <= rules["max_rate"][of_row] * (elapsed / _SECOND_US)
    easy = runs.all(calm)
    done = series[easy & wanted]
    state["good_value"][done] = batch.value[runs.last[easy & wanted]]
    state["good_time"][done] = batch.time[runs.last[easy & wanted]]
    state["suspect_steps"][done] = 0
    for run in np.flatnonzero(wanted & ~easy):
        first_row = int(runs.start[run])
        for row in range(first_row, first_row + int(runs.length[run])):
            _step(batch, row, table)


def _step(batch: Batch, row: int, table: SeriesTable) -> None:
    series = int(batch.series[row])
    state, rules = table.state[series], table.rules[series]
    value, time = batch.value[row], int(batch.time[row])
    good_time = int(state["good_time"])
    if good_time != NEVER:
        elapsed = time - good_time
        change = abs(value - state["good_value"])
        too_far = change > rules["max_step"]
        # Out of order there is no telling how fast it was.
        too_fast = elapsed > 0 and change > rules["max_rate"] * (elapsed / _SECOND_US)
        if too_far or too_fast:
            batch.worsen(np.array([row]), SUSPECT, Reason.RATE_OF_CHANGE)
            state["suspect_steps"] = min(int(state["suspect_steps"]) + 1, STEP_CONFIRMATIONS)
            if state["suspect_steps"] < STEP_CONFIRMATIONS or elapsed < 0:
                return
            state["good_value"], state["good_time"], state["suspect_steps"] = value, time, 0
            return
    if batch.code[row] == GOOD and (good_time == NEVER or time > good_time):
        state["good_value"], state["good_time"] = value, time
    state["suspect_steps"] = 0


def _held(batch: Batch, runs: Segments, table: SeriesTable, wanted: Bools) -> None:
    """Values that have not changed for too long, by the log's clock."""
    state, rules, series = table.state, table.rules, runs.key
    before = previous(batch.value, runs, state["held_value"][series])
    changed = batch.value != before
    # The row in which the present value began, per row; the first of a run goes back to the state.
    began = np.where(changed, np.arange(len(batch)), -1)
    began[runs.start] = runs.start
    began = np.maximum.accumulate(began)
    since_state = ~changed[began]
    since = np.where(since_state, state["held_since"][series][runs.of_row], batch.append[began])
    limit = rules["stuck_after"][batch.series]
    stuck = (limit > 0) & (batch.append - since >= limit)
    if stuck.any():
        batch.worsen(stuck, SUSPECT, Reason.STUCK)
    kept = runs.last[wanted]
    state["held_value"][series[wanted]] = batch.value[kept]
    state["held_since"][series[wanted]] = since[kept]


def _count(batch: Batch, table: SeriesTable) -> None:
    """Book what became of each reading, and the newest value for whoever looks at the table."""
    state = table.state
    for fate, column in ((Fate.CLEAN, "clean"), (Fate.DUPLICATE, "duplicates"), (Fate.REJECTED, "rejected")):
        hit = batch.series[batch.fate == fate]
        np.add.at(state[column], hit, 1)
    np.add.at(state["surplus"], batch.series[(batch.reasons & Reason.RATE_LIMITED) != 0], 1)
    table.dirty[batch.series] = True
