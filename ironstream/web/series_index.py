"""All series in columns: what the telemetry agents' rows say of each, and what is declared of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ironstream.contract import SeriesId
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import NEVER, SERIES_STATE
from ironstream.engine.changelog import Row
from ironstream.web.declared import AssetKey, DeclaredPlant
from tables.clock import CLOCK
from tables.series import SERIES, identity_of, series_name

T = TypeVar("T")
UNKNOWN_STALE_US: Final = 60_000_000
"""A series whose expected interval nobody knows is stale after this silence."""
STALE_INTERVALS: Final = 3
_FIRST: Final = 64
_REST_S: Final = 60.0
_STEP: Final = 500
"""Series that are declared without letting requests in between."""


class SeriesIndex:
    """A row for each series that was heard or is declared; `assets` has a row for each of their assets.

    A row of the changelog costs a copy of its bytes; nothing is decoded until somebody looks. A row of a series that is
    gone is given to another one a minute later at the earliest: who has its number still, or its counter, is done then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.ids: list[SeriesId] = []
        self.assets: list[AssetKey] = []
        self.rows_of_asset: list[list[int]] = []
        self.rules: list[SeriesRules] = []
        self.clock_ms: dict[int, int] = {}
        """The log's clock of each partition as of its last commit that changed something."""
        self._state: NDArray[Any] = np.zeros(_FIRST, SERIES_STATE)
        self._columns: dict[str, NDArray[Any]] = {
            "heard": np.zeros(_FIRST, np.bool_),
            "declared": np.zeros(_FIRST, np.bool_),
            "partition": np.zeros(_FIRST, np.int32),
            "asset": np.zeros(_FIRST, np.int32),
            "stale_after": np.zeros(_FIRST, np.int64),
            "skew": np.zeros(_FIRST, np.int64),
            "came": np.full(_FIRST, NEVER, np.int64),
            "exact": np.zeros(_FIRST, np.bool_),
            "ahead": np.zeros(_FIRST, np.int64),
            "other_unit": np.zeros(_FIRST, np.bool_),
        }
        self._rows: dict[bytes, int] = {}
        self._asset_rows: dict[AssetKey, int] = {}
        self._in_order: list[tuple[AssetKey, int]] | None = None
        self._free: deque[tuple[float, int]] = deque()
        self._free_assets: deque[tuple[float, int]] = deque()
        """Since when (s) rows stand for nothing, the longest first."""
        self._clock = clock
        self._declared = DeclaredPlant(0)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def state(self) -> NDArray[Any]:
        """SERIES_STATE by row."""
        return self._state[: len(self.ids)]

    def column(self, name: str) -> NDArray[Any]:
        """By row: heard, declared, partition, asset, stale_after and skew (µs), and

        - came: when the reading that the state shows came (µs by the log's clock), which is before last_append where
          only older ones came since;
        - exact: whether that is known, for it came while this followed;
        - ahead: how much (µs) its device's time was ahead of that at most, as far as it was followed;
        - other_unit: whether it came before another unit was declared.
        """
        return self._columns[name][: len(self.ids)]

    def aged_from(self) -> NDArray[np.int64]:
        """By row: from when on (µs) the reading that is shown ages. That is when it came, or, where its clock is
        right (else it is not GOOD), before that where its device's time is older than clocks may differ. NEVER: none.
        """
        state, came = self.state, self.column("came")
        device = state["watermark"].astype(np.int64)
        trusted = (state["last_quality"] == 0) & (device != NEVER) & (came != NEVER)
        return np.where(trusted, np.minimum(came, np.where(trusted, device, 0) + self.column("skew")), came)

    def find(self, series: SeriesId) -> int | None:
        """The row of a series that was heard or is declared."""
        row = self._rows.get(str(series).encode())
        return row if row is not None and self._is_known(row) else None

    def find_asset(self, key: AssetKey) -> int | None:
        """The row of an asset with such a series."""
        row = self._asset_rows.get(key)
        return row if row is not None and self.known_rows(row) else None

    def assets_in_order(self) -> list[tuple[AssetKey, int]]:
        """All assets with their rows, by tenant, site and name."""
        if self._in_order is None:
            self._in_order = sorted((key, row) for key, row in self._asset_rows.items())
        return self._in_order

    def known_rows(self, asset: int) -> list[int]:
        """Rows of an asset's series that were heard or are declared."""
        return [row for row in self.rows_of_asset[asset] if self._is_known(row)]

    def take(self, changed: Iterable[tuple[int, Row]]) -> None:
        """Take rows that became final."""
        rounds: list[dict[int, bytes]] = []
        seen: dict[int, int] = {}
        prefix, clock = SERIES.prefix, CLOCK.prefix
        for partition, (key, value) in changed:
            if key.startswith(prefix):
                name = key[len(prefix) :]
                if value is None:
                    # what stands before it in the log is of the one that is gone
                    self._put_all(rounds)
                    rounds, seen = [], {}
                    self._fall_silent(name)
                    continue
                row = self._row_of(name)
                self._columns["heard"][row] = True
                self._columns["partition"][row] = partition
                # each version of a row by itself: which one brought what is shown is in none of the later ones
                at = seen[row] = seen.get(row, -1) + 1
                if at == len(rounds):
                    rounds.append({})
                rounds[at][row] = SERIES.split(value)[0]
            elif value is not None and key.startswith(clock):
                self.clock_ms[partition] = CLOCK.unpack(value).now_ms
        self._put_all(rounds)

    def _put_all(self, rounds: list[dict[int, bytes]]) -> None:
        for elements in rounds:
            self._put(list(elements), SERIES.join(list(elements.values())))

    def _fall_silent(self, name: bytes) -> None:
        row = self._rows.get(name)
        if row is not None:
            self._columns["heard"][row] = False
            self._columns["came"][row] = NEVER
            self._drop(row)

    def _drop(self, row: int) -> None:
        """Give a row back that stands for nothing any more."""
        if self._is_known(row) or self.ids[row] in self._declared.series:
            return
        now_s, at = self._clock(), int(self._columns["asset"][row])
        del self._rows[str(self.ids[row]).encode()]
        self._state[row] = np.zeros((), SERIES_STATE)
        for name in ("ahead", "other_unit"):
            self._columns[name][row] = 0
        self.rules[row] = SeriesRules()
        self._free.append((now_s, row))
        self.rows_of_asset[at].remove(row)
        if not self.rows_of_asset[at]:
            del self._asset_rows[self.assets[at]]
            self._free_assets.append((now_s, at))
            self._in_order = None

    def _put(self, rows: list[int], state: NDArray[Any]) -> None:
        before, came = self._state[rows], self._columns["came"][rows]
        append, device = state["last_append"], state["watermark"]
        moved = np.zeros(len(rows), np.bool_)
        for name in ("watermark", "last_time", "last_value", "last_quality"):
            moved |= state[name] != before[name]
        # of a row that is not known yet nobody can say more than that it did not come before its device's time
        self._columns["exact"][rows] = (came != NEVER) & (moved | self._columns["exact"][rows])
        came = np.where(came == NEVER, np.minimum(append, device), np.where(moved, append, came))
        self._columns["other_unit"][rows] &= ~moved
        ahead = np.where(device == NEVER, 0, device - np.where(moved, append, device))
        self._columns["ahead"][rows] = np.maximum(self._columns["ahead"][rows], ahead)
        # a series that is only waited for has the time of the first look at it
        self._columns["came"][rows] = np.where(device == NEVER, NEVER, came)
        self._state[rows] = state

    def declare(self, declared: DeclaredPlant) -> None:
        """Another version of the topology holds."""
        for _ in self._declaring(declared):
            pass

    async def declare_in_steps(self, declared: DeclaredPlant) -> None:
        """The same, with requests let in between: they see what was declared before until the end."""
        for _ in self._declaring(declared):
            await asyncio.sleep(0)

    def _declaring(self, declared: DeclaredPlant) -> Iterator[None]:
        self._declared = declared
        rows = []
        for number, series in enumerate(declared.series):
            rows.append(self._row_of(series_name(_parts(series))))
            if number % _STEP == 0:
                yield
        for row in range(len(self.ids)):
            self._set_rules(row)
            if row % _STEP == 0:
                yield
        now = np.zeros(len(self._state), np.bool_)
        now[rows] = True
        before, self._columns["declared"] = self._columns["declared"], now
        for row in np.flatnonzero(before & ~now).tolist():
            self._drop(row)

    def _is_known(self, row: int) -> bool:
        return bool(self._columns["heard"][row] or self._columns["declared"][row])

    def _row_of(self, name: bytes) -> int:
        row = self._rows.get(name)
        if row is not None:
            return row
        row = self._rows[name] = self._rested(self._free, len(self.ids))
        if row == len(self._state):
            self._grow()
        tenant, site, asset, parameter = identity_of(name)
        _place(self.ids, row, SeriesId(tenant, site, asset, parameter))
        _place(self.rules, row, SeriesRules())
        at = self._asset_rows.get((tenant, site, asset))
        if at is None:
            at = self._asset_rows[tenant, site, asset] = self._rested(self._free_assets, len(self.assets))
            _place(self.assets, at, (tenant, site, asset))
            _place(self.rows_of_asset, at, [])
            self._in_order = None
        self.rows_of_asset[at].append(row)
        self._columns["asset"][row] = at
        self._state[row]["last_append"] = NEVER
        self._set_rules(row)
        return row

    def _rested(self, free: deque[tuple[float, int]], new: int) -> int:
        return free.popleft()[1] if free and self._clock() >= free[0][0] + _REST_S else new

    def _set_rules(self, row: int) -> None:
        before, rules = self.rules[row], self._declared.rules(self.ids[row])
        self.rules[row] = rules
        self._columns["other_unit"][row] |= self._columns["heard"][row] and before.unit not in (None, rules.unit)
        interval = rules.expected_interval_us
        self._columns["skew"][row] = rules.times.skew_suspect_us
        self._columns["stale_after"][row] = STALE_INTERVALS * interval if interval else UNKNOWN_STALE_US

    def _grow(self) -> None:
        more = len(self._state)
        self._state = np.concatenate([self._state, np.zeros(more, SERIES_STATE)])
        for name, column in self._columns.items():
            added = np.full(more, NEVER if name == "came" else 0, column.dtype)
            self._columns[name] = np.concatenate([column, added])


def _place(things: list[T], at: int, thing: T) -> None:
    if at == len(things):
        things.append(thing)
    else:
        things[at] = thing


def _parts(series: SeriesId) -> tuple[str, str, str, str]:
    return series.tenant_id, series.site_id, series.asset_id, series.parameter
