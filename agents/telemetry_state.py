"""The state of one partition of the telemetry agent: loaded from its rows, and written back row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.closed_windows import ClosedWindows
from ironstream.domain.conditions import Change, Conditions
from ironstream.domain.duplicates import Duplicates
from ironstream.domain.rules import SeriesRules, WindowSize
from ironstream.domain.series import SeriesTable
from ironstream.domain.windows.level import KeptWindows
from ironstream.domain.windows.stage import WindowStage
from ironstream.engine.api import Store
from tables import windows as window_rows
from tables.series import ASSETS, CONDITIONS, SERIES, identity_of, series_name


class TelemetryState:
    """Series, windows and conditions of a partition."""

    def __init__(self, store: Store, sizes: Sequence[WindowSize]) -> None:
        self.table = SeriesTable()
        self.seen = Duplicates()
        self.conditions = Conditions()
        self.names: list[bytes] = []
        """Name of each series in keys."""
        self._closed = ClosedWindows(store, sizes, self.names)
        self.windows = WindowStage(sizes, self._closed)
        self._store = store
        self._reopened_rows: set[bytes] = set()

    # -- rules ----------------------------------------------------------------------------------------------------

    def register(self, row: int, rules: SeriesRules) -> None:
        """Apply the rules of a series that is new, or whose rules are."""
        if row == len(self.names):
            self.names.append(series_name(self.table.identities[row]))
        self.windows.register(row, rules.windows)
        self.conditions.register(row, rules.conditions)

    # -- load -----------------------------------------------------------------------------------------------------

    def load(self, rules_of: Any) -> None:
        """Take in all rows of the store; `rules_of(tenant, site, asset, parameter)` gives the rules of each series."""
        elements = []
        rows = list(self._store.scan(SERIES.prefix))
        self.windows.reserve(len(rows))
        for key, row in rows:
            identity = identity_of(key[len(SERIES.prefix) :])
            element, rest = SERIES.split(row)
            series = self.table.add(identity, rules_of(*identity))
            elements.append(element)
            if rest:
                self.seen.restore(series, rest)
                if self.table.units[series] is None:
                    self.table.units[series] = rest.get("unit")
            self.register(series, self.table.series_rules[series])
        self.table.state[: len(elements)] = SERIES.join(elements)
        for key, row in self._store.scan(ASSETS.prefix):
            element, _ = ASSETS.unpack(row)
            tenant, site, asset = key[len(ASSETS.prefix) :].decode().split("/")
            self.table.assets[self.table.add_asset((tenant, site, asset))] = element
        for key, row in self._store.scan(CONDITIONS.prefix):
            self._load_condition(key[len(CONDITIONS.prefix) :].decode(), row)
        self._load_windows()

    def _load_condition(self, name: str, row: bytes) -> None:
        tenant, site, asset, parameter, rule = name.split("/", 4)
        series = self.table.find((tenant, site, asset, parameter))
        at = None if series is None else self.conditions.by_name.get((rule, series))
        if at is not None:
            self.conditions.state[at], _ = CONDITIONS.unpack(row)
            self.conditions.state[at]["series"] = series

    def withdraw(self, before: TelemetryState) -> list[Change]:
        """Clear the conditions that were raised by rules which are no more: nothing else would ever clear them."""
        changes = []
        for at in before.conditions.active():
            old, rule = before.conditions.state, before.conditions.instances[at].rule
            identity = before.table.identities[int(old["series"][at])]
            series = self.table.find(identity)
            if series is None or (rule.rule_id, series) in self.conditions.by_name:
                continue
            time = int(self.table.state["watermark"][series])
            old["active"][at], old["number"][at] = False, old["number"][at] + 1
            name = series_name(identity) + b"/" + rule.rule_id.encode()
            self._store.put(CONDITIONS.prefix + name, CONDITIONS.pack(old, at))
            changes.append(Change(rule, series, False, int(old["number"][at]), time, float("nan"), -1))
        return changes

    def _load_windows(self) -> None:
        by_size = {level.size.size_us: at for at, level in enumerate(self.windows.levels)}
        kept = [KeptWindows() for _ in by_size]
        owners: list[list[int]] = [[] for _ in by_size]
        for key, row in self._store.scan(window_rows.OPEN):
            size, name = window_rows.parse_open_key(key)
            series = self.table.find(identity_of(name))
            if series is None or size not in by_size:
                continue
            at = by_size[size]
            level = self.windows.levels[at]
            level.closed_by_silence[series], count = window_rows.unpack_open(row, kept[at])
            owners[at] += [series] * count
        for level, mine, windows in zip(self.windows.levels, owners, kept, strict=True):
            if mine:
                level.put_back(np.array(mine, np.int64), windows)
        for key, row in self._store.scan(window_rows.REOPENED):
            size, name, number = window_rows.parse_window_key(window_rows.REOPENED, key)
            series = self.table.find(identity_of(name))
            if series is not None and size in by_size:
                self.windows.reopened.windows[by_size[size], series, number] = window_rows.unpack_window(row)
                self._reopened_rows.add(key)

    # -- flush ----------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """Delete the closed windows that no reading can restate any more; see `ClosedWindows.expire`."""
        self._closed.expire(self.table.state["watermark"][: len(self.table)])

    def flush(self) -> None:
        """Put every row that changed since the last flush into the store."""
        put, table = self._store.put, self.table
        for series in np.flatnonzero(table.dirty[: len(table)]).tolist():
            rest = self.seen.rest(series)
            if table.series_rules[series].unit is None and table.units[series] is not None:
                rest["unit"] = table.units[series]
            put(SERIES.prefix + self.names[series], SERIES.pack(table.state, series, rest))
        table.dirty[:] = False
        for asset in table.dirty_assets:
            put(ASSETS.prefix + "/".join(table.asset_names[asset]).encode(), ASSETS.pack(table.assets, asset))
        table.dirty_assets.clear()
        for at in self.conditions.dirty:
            name = self.names[int(self.conditions.state["series"][at])] + b"/" + self.conditions.rule_id(at).encode()
            put(CONDITIONS.prefix + name, CONDITIONS.pack(self.conditions.state, at))
        self.conditions.dirty.clear()
        self._flush_windows()

    def _flush_windows(self) -> None:
        put = self._store.put
        for level in self.windows.levels:
            changed = np.flatnonzero(level.dirty)
            level.dirty[:] = False
            for series, row in zip(changed.tolist(), window_rows.pack_open(level, changed), strict=True):
                put(window_rows.open_key(level.size.size_us, self.names[series]), row)
        rows = {}
        for (at, series, number), window in self.windows.reopened.windows.items():
            size = self.windows.sizes[at].size_us
            key = window_rows.window_key(window_rows.REOPENED, size, self.names[series], number)
            (rows[key],) = window_rows.pack_windows(window)
        for key in self._reopened_rows - rows.keys():
            self._store.delete(key)
        for key, row in rows.items():
            put(key, row)
        self._reopened_rows = set(rows)
