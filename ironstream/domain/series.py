"""Columns over series: the durable state of each, and the rules that decide about it.

All series of one partition stand in arrays, a row each, so that a stage looks up a whole batch with one index.
Times are int64 µs since the epoch; `NEVER` stands for "not yet".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.rules import SeriesRules

NEVER: Final = np.iinfo(np.int64).min
Identity = tuple[str, str, str, str]
"""tenant, site, asset, parameter"""

SERIES_STATE: Final = np.dtype(
    [
        ("watermark", "<i8"),  # newest device time of the readings that count
        ("heard", "<i8"),  # newest device time of all readings, also of those beyond the rate limit
        ("last_append", "<i8"),  # the log's clock when the last reading came
        ("last_value", "<f8"),  # newest value that was not BAD
        ("last_time", "<i8"),  # device time of last_value
        ("last_quality", "u1"),
        ("good_value", "<f8"),  # newest value that was GOOD, and its device time
        ("good_time", "<i8"),
        ("suspect_steps", "<u2"),  # readings in a row that were too far from good_value
        ("held_value", "<f8"),  # value that has not changed, and since when by the log's clock
        ("held_since", "<i8"),
        ("boot", "<u8"),  # run of the adapter, hashed, and its highest seq
        ("seq", "<i8"),
        ("clean", "<i8"),  # readings so far by what became of them
        ("duplicates", "<i8"),
        ("rejected", "<i8"),
        ("surplus", "<i8"),
        ("too_late", "<i8"),
    ]
)
ASSET_STATE: Final = np.dtype(
    [
        ("second", "<i8"),  # second of the log's clock that is being counted, and readings in it
        ("count", "<i8"),
        ("skew_event", "<i8"),  # when the last event of the kind was sent, by the log's clock
        ("babble_event", "<i8"),
    ]
)
RULES: Final = np.dtype(
    [
        ("asset", "<i4"),
        ("interval", "<i8"),
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("range_is_bad", "?"),
        ("max_rate", "<f8"),
        ("max_step", "<f8"),
        ("stuck_after", "<i8"),
        ("skew_suspect", "<i8"),
        ("skew_event", "<i8"),
        ("future", "<i8"),
        ("past", "<i8"),
    ]
)


def _fresh() -> NDArray[Any]:
    fresh = np.zeros((), SERIES_STATE)
    for name in ("watermark", "heard", "last_append", "last_time", "good_time", "held_since"):
        fresh[name] = NEVER
    for name in ("last_value", "good_value", "held_value"):
        fresh[name] = np.nan
    return fresh


_FRESH: Final = _fresh()
"""State of a series that never spoke."""


class SeriesTable:
    """All series of a partition."""

    def __init__(self) -> None:
        self.state: NDArray[Any] = np.zeros(64, SERIES_STATE)
        self.rules: NDArray[Any] = np.zeros(64, RULES)
        self.assets: NDArray[Any] = np.zeros(16, ASSET_STATE)
        self.asset_limit: NDArray[np.int64] = np.zeros(16, np.int64)
        self.identities: list[Identity] = []
        self.series_rules: list[SeriesRules] = []
        self.units: list[str | None] = []
        self.asset_names: list[tuple[str, str, str]] = []
        self.dirty: NDArray[np.bool_] = np.zeros(64, np.bool_)
        self.dirty_assets: set[int] = set()
        self._index: dict[Identity, int] = {}
        self._asset_index: dict[tuple[str, str, str], int] = {}

    def __len__(self) -> int:
        return len(self.identities)

    def find(self, identity: Identity) -> int | None:
        """Row of a series, or None where it has not been seen."""
        return self._index.get(identity)

    def add(self, identity: Identity, rules: SeriesRules) -> int:
        """Row of a series, made if need be."""
        row = self._index.get(identity)
        if row is not None:
            return row
        row = len(self.identities)
        if row == len(self.state):
            self.state = _grown(self.state)
            self.rules = _grown(self.rules)
            self.dirty = _grown(self.dirty)
        self._index[identity] = row
        self.identities.append(identity)
        self.series_rules.append(rules)
        self.units.append(rules.unit)
        self.state[row] = _FRESH
        self.set_rules(row, rules)
        return row

    def set_rules(self, row: int, rules: SeriesRules) -> None:
        """Put the rules of a series into the columns."""
        self.series_rules[row] = rules
        if rules.unit is not None:
            self.units[row] = rules.unit
        asset = self._add_asset(self.identities[row][:3])
        self.asset_limit[asset] = rules.max_rate_per_s
        self.rules[row] = (
            asset,
            rules.expected_interval_us,
            rules.minimum,
            rules.maximum,
            rules.range_is_bad,
            rules.max_rate,
            rules.max_step,
            rules.stuck_after_us,
            rules.times.skew_suspect_us,
            rules.times.skew_event_us,
            rules.times.future_us,
            rules.times.past_us,
        )

    def add_asset(self, name: Sequence[str]) -> int:
        """Row of an asset, made if need be."""
        return self._add_asset((name[0], name[1], name[2]))

    def _add_asset(self, name: tuple[str, str, str]) -> int:
        asset = self._asset_index.get(name)
        if asset is None:
            asset = self._asset_index[name] = len(self.asset_names)
            self.asset_names.append(name)
            if asset == len(self.assets):
                self.assets = _grown(self.assets)
                self.asset_limit = _grown(self.asset_limit)
            self.assets[asset] = (NEVER, 0, NEVER, NEVER)
        return asset


def _grown(array: NDArray[Any]) -> NDArray[Any]:
    larger = np.zeros(2 * len(array), array.dtype)
    larger[: len(array)] = array
    return larger
