"""What a closed window says: from its merged state to the fields of an aggregate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ironstream.domain.windows import sketch
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.stats import QUANTILES, percentiles, time_weighted_average

NUMBERS: Final = (
    "avg",
    "min",
    "max",
    "stddev",
    "count",
    "p50",
    "p95",
    "p99",
    "first",
    "last",
    "time_weighted_avg",
    "pct_good",
)
"""Fields of an aggregate that an alarm can look at."""


@dataclass(frozen=True, slots=True)
class Results:
    """Columns over k closed windows, as lists; NaN where a window has no values. `start` and `end` are µs."""

    size_us: int
    series: list[int]
    start: list[int]
    end: list[int]
    columns: dict[str, list[Any]]
    exact: list[bool]
    final: list[bool]

    def value(self, field: str, at: int) -> float:
        """A number of window `at` by name."""
        return float(self.columns[field][at])


def results(closed: Closed, watermark: Any, grace_us: int) -> Results:
    """Fields of closed windows. `watermark` of every series of the table: windows ahead of it closed by silence."""
    windows, head = closed.windows, closed.windows.head
    start = head["index"] * closed.size_us
    end = start + closed.size_us
    count = head["n"]
    some = count > 0
    counts = head["buffered"].astype(np.int64)
    quantiles = percentiles(windows.values, counts)
    for at, bins in windows.sketches.items():
        quantiles[at] = [sketch.quantile(bins, q) for q in QUANTILES]
    with np.errstate(invalid="ignore", over="ignore"):
        columns = {
            "avg": np.where(some, head["mean"], np.nan),
            "min": np.where(some, head["minimum"], np.nan),
            "max": np.where(some, head["maximum"], np.nan),
            "stddev": np.where(some, np.sqrt(head["m2"] / np.maximum(count, 1)), np.nan),
            "count": count,
            "p50": quantiles[:, 0],
            "p95": quantiles[:, 1],
            "p99": quantiles[:, 2],
            "first": np.where(some, head["first"], np.nan),
            "last": np.where(some, head["last"], np.nan),
            "time_weighted_avg": time_weighted_average(head, end),
        }
    for name in ("good", "suspect", "uncertain", "bad"):
        columns[name] = head[name]
    samples = np.maximum(sum(head[name] for name in ("good", "suspect", "uncertain", "bad")), 1)
    columns["pct_good"] = np.round(100.0 * head["good"] / samples, 2)
    columns["revision"] = head["revision"]
    return Results(
        closed.size_us,
        closed.series.tolist(),
        start.tolist(),
        end.tolist(),
        {name: column.tolist() for name, column in columns.items()},
        (head["sketched"] == 0).tolist(),
        (end + grace_us <= watermark[closed.series]).tolist(),
    )
