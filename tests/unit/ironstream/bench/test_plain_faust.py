from __future__ import annotations

from typing import Any

from ironstream.bench.plain_faust import _check
from ironstream.contract import Metadata, Reading, Timestamps


def _reading(seq: int, boot: str = "a") -> Reading:
    return Reading("pump", "p0", 1.0, Timestamps(), metadata=Metadata(boot=boot, seq=seq))


def _row(value: float = 50.0, time_us: int = 0, seq: int = 1) -> dict[str, Any]:
    return {"time": time_us, "value": value, "since": time_us, "boot": "a", "seq": seq}


def test_the_first_reading_of_a_series_is_good() -> None:
    assert _check(_reading(1), 100_000, 50.0, None) == (_row(50.0, 100_000), [], False, 0)


def test_a_repeat_is_dropped_and_a_new_run_is_not() -> None:
    assert _check(_reading(1), 100_000, 50.0, _row()) is None
    assert _check(_reading(1, "b"), 100_000, 51.0, _row()) is not None


def test_range_rate_stuck_and_gap_are_found() -> None:
    _, _, bad, _ = _check(_reading(2), 100_000, 101.0, _row()) or (None, None, None, None)
    assert bad is True
    _, reasons, _, _ = _check(_reading(2), 100_000, 99.0, _row()) or (None, None, None, None)
    assert reasons == ["rate_of_change"]
    row, reasons, _, gap = _check(_reading(2), 60_000_000, 50.0, _row()) or (None, None, None, None)
    assert reasons == ["stuck"]
    assert gap == 60_000_000
    assert row is not None
    assert row["since"] == 0
