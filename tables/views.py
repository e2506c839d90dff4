"""The agents' tables by name: what a row's key says, and its bytes decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import msgspec
import numpy as np

from ironstream.domain.series import NEVER
from ironstream.domain.times import MAX_US, to_iso
from ironstream.domain.windows.level import KeptWindows
from ironstream.domain.windows.stats import FREE, WINDOW, merge, summarize
from tables import windows
from tables.alarms import ALARMS, COMMANDS, LAST_CONDITIONS, SUPPRESSIONS
from tables.clock import CLOCK
from tables.events import EVENT_SERIES, STATE_CONDITIONS
from tables.packed import PackedLayout
from tables.rows import RowLayout
from tables.series import ASSETS, CONDITIONS, SERIES
from tables.topology import TOPOLOGY

Entry = dict[str, Any]
_TIMES: Final = frozenset(
    {"watermark", "last_append", "last_time", "good_time", "held_since", "skew_event", "babble_event", "since", "seen"}
)


@dataclass(frozen=True, slots=True)
class TableView:
    """One table of one agent. `entries` makes what is shown of a row (key, value); the first field is `key`.

    `key_of` is that field alone, without a look at the row. `by_tenant`: it begins with a tenant.
    """

    name: str
    agent: str
    prefix: bytes
    description: str
    entries: Callable[[bytes, bytes], Iterator[Entry]]
    by_tenant: bool = True

    def key_of(self, key: bytes) -> str:
        """What is shown of a row's key."""
        if self.prefix == windows.OPEN:
            return windows.parse_open_key(key)[1].decode()
        if self.prefix in (windows.CLOSED, windows.REOPENED) and self.agent == "telemetry":
            return windows.parse_window_key(self.prefix, key)[1].decode()
        return key[len(self.prefix) :].decode()


def _packed(layout: PackedLayout) -> Callable[[bytes, bytes], Iterator[Entry]]:
    def entries(key: bytes, value: bytes) -> Iterator[Entry]:
        element, rest = layout.unpack(value)
        fields = {name: _plain(name, element[name]) for name in element.dtype.names if name != "series"}
        yield {"key": key[len(layout.prefix) :].decode(), **fields, **({"rest": rest} if rest else {})}

    return entries


def _rows(layout: RowLayout[Any]) -> Callable[[bytes, bytes], Iterator[Entry]]:
    def entries(key: bytes, value: bytes) -> Iterator[Entry]:
        fields = msgspec.to_builtins(layout.unpack(value))
        # the text of a topology is shown by its version, not packed
        fields.pop("packed", None)
        # the parts of an alarm's key are in its name
        fields.pop("key", None)
        yield {"key": layout.name_of(key), **fields}

    return entries


def _open(key: bytes, value: bytes) -> Iterator[Entry]:
    size_us, series = windows.parse_open_key(key)
    kept = KeptWindows()
    windows.unpack_open(value, kept)
    all_times = iter(kept.times)
    for raw, values in zip(kept.heads, kept.values, strict=True):
        head = np.frombuffer(raw, WINDOW, 1).copy()
        times = next(all_times) if head["timed"][0] else b""
        if times:
            # values that are kept with their times are not in the moments yet
            kept_values, kept_times = np.frombuffer(values)[None, :], np.frombuffer(times, np.int64)[None, :]
            merge(head, summarize(kept_values, kept_times, head["buffered"].astype(np.int64)))
        yield _window(series, size_us, head[0])


def _single(table: bytes) -> Callable[[bytes, bytes], Iterator[Entry]]:
    def entries(key: bytes, value: bytes) -> Iterator[Entry]:
        size_us, series, _ = windows.parse_window_key(table, key)
        yield _window(series, size_us, windows.unpack_window(value).head[0])

    return entries


def _window(series: bytes, size_us: int, head: Any) -> Entry:
    index = int(head["index"])
    return {
        "key": series.decode(),
        "size_s": size_us // 1_000_000,
        "window_start": None if index == FREE else _time(index * size_us),
        "count": int(head["n"]),
        "mean": _plain("mean", head["mean"]),
        "min": _plain("minimum", head["minimum"]),
        "max": _plain("maximum", head["maximum"]),
        **{name: int(head[name]) for name in ("good", "suspect", "uncertain", "bad", "revision")},
    }


def _plain(name: str, value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if name in _TIMES:
        return _time(plain)
    if isinstance(plain, float) and not isfinite(plain):
        return None
    return plain


def _time(us: int) -> str | None:
    return to_iso(us) if us != NEVER and 0 <= us <= MAX_US else None


VIEWS: Final = (
    TableView("series", "telemetry", SERIES.prefix, "last value and memory of each series", _packed(SERIES)),
    TableView("assets", "telemetry", ASSETS.prefix, "rate and last events of each asset", _packed(ASSETS)),
    TableView("conditions", "telemetry", CONDITIONS.prefix, "alarm conditions on readings", _packed(CONDITIONS)),
    TableView("windows", "telemetry", windows.OPEN, "windows that are open", _open),
    TableView("closed_windows", "telemetry", windows.CLOSED, "windows kept for late data", _single(windows.CLOSED)),
    TableView("reopened_windows", "telemetry", windows.REOPENED, "windows about to be restated",
              _single(windows.REOPENED)),
    TableView("event_series", "events", EVENT_SERIES.prefix, "last state of each event series", _rows(EVENT_SERIES)),
    TableView("event_conditions", "events", STATE_CONDITIONS.prefix, "alarm conditions on events",
              _rows(STATE_CONDITIONS)),
    TableView("alarms", "alarms", ALARMS.prefix, "each alarm with its latest occurrence", _rows(ALARMS)),
    TableView("alarm_suppressions", "alarms", SUPPRESSIONS.prefix, "suppressed assets", _rows(SUPPRESSIONS)),
    TableView("alarm_last_conditions", "alarms", LAST_CONDITIONS.prefix, "last condition taken of each rule",
              _rows(LAST_CONDITIONS)),
    TableView("alarm_commands", "alarms", COMMANDS.prefix, "operators' commands and their outcome", _rows(COMMANDS),
              by_tenant=False),
    *(
        view
        for agent in ("telemetry", "events", "alarms")
        for view in (
            TableView(f"{agent}_topology", agent, TOPOLOGY.prefix, "topology held, per partition", _rows(TOPOLOGY),
                      by_tenant=False),
            TableView(f"{agent}_clock", agent, CLOCK.prefix, "clock of the log, per partition", _rows(CLOCK),
                      by_tenant=False),
        )
    ),
)  # fmt: skip
