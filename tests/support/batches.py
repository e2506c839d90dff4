"""Batches of readings made by hand, for stages that run alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ironstream.domain.batch import Batch
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import NEVER, SeriesTable

S = 1_000_000
"""A second in µs."""


def table_of(*rules: SeriesRules) -> SeriesTable:
    """A table of series 0, 1, …, all of one asset."""
    table = SeriesTable()
    for at, one in enumerate(rules):
        table.add(("t", "s", "a", f"p{at}"), one)
    return table


def batch_of(rows: Sequence[tuple[int, float, float]], *, lag_s: float = 0, code: int = 0) -> Batch:
    """Readings in log order as (series, device time in s, value), appended `lag_s` after their time; without seq."""
    n = len(rows)
    clock = np.maximum.accumulate([round(at_s * S) for _, at_s, _ in rows])
    order = np.argsort([series for series, _, _ in rows], kind="stable")
    rows = [rows[at] for at in order]
    device = np.array([round(at_s * S) for _, at_s, _ in rows])
    value = np.array([value for _, _, value in rows], np.float64)
    return Batch(
        row=np.arange(n), series=np.array([series for series, _, _ in rows]), offset=np.arange(n),
        append=clock[order] + round(lag_s * S), device=device, gateway=np.full(n, NEVER), value=value,
        is_null=np.isnan(value), code=np.full(n, code, np.uint8), boot=np.zeros(n, np.uint64),
        seq=np.zeros(n, np.int64), reasons=np.zeros(n, np.uint16),
    )  # fmt: skip
