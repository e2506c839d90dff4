"""The ring: 1 min aggregates of every series over the retention, one per window, the highest revision of each.

Member = JSON `{start, revision, final, …}`, score = `start` (epoch in ms). The ring ends at its own newest window: what
is older than that by the retention is dropped, also when it comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.keys import AssetKeys
from ironstream.sinks.redis_twin.names import ASSET
from ironstream.sinks.redis_twin.transaction import Change, Command

KEY: Final = (*ASSET, "parameter", "window_start")
ORDER: Final = ("revision", "final")
_SERIES: Final = (*ASSET, "parameter")
_HEAD: Final = ("window_start", "revision", "final")


class Window(msgspec.Struct):
    """What every member begins with; the fields of the configuration follow."""

    start: int
    revision: int
    final: bool


_DECODER: Final = msgspec.json.Decoder(Window)
_ENCODER: Final = msgspec.json.Encoder()


def columns_of(config: RedisTwinConfig) -> tuple[str, ...]:
    """Columns of the aggregates that are needed."""
    return (*_SERIES, *_HEAD, *config.ring_fields)


def changes_of(table: pa.Table, config: RedisTwinConfig) -> list[Change]:
    """A change per series from rows that are each the highest revision of their window."""
    start_ms = pc.divide(pc.cast(table["window_start"], pa.int64()), 1000)
    plain = table.set_column(table.schema.get_field_index("window_start"), "window_start", start_ms)
    rows = sorted(plain.to_pylist(), key=itemgetter(*_SERIES, "window_start"))
    return [
        _change(AssetKeys(config.key_prefix, *series[:3]), series[3], list(of_series), config)
        for series, of_series in groupby(rows, key=itemgetter(*_SERIES))
    ]


def _change(keys: AssetKeys, parameter: str, rows: Sequence[dict[str, Any]], config: RedisTwinConfig) -> Change:
    key = keys.ring(parameter)
    windows = [Window(row["window_start"], row["revision"], row["final"]) for row in rows]
    members = [_member(row, config) for row in rows]

    def decide(replies: Sequence[Any]) -> list[Command]:
        newest = [window for member in replies[0] if (window := window_of(member)) is not None]
        first_ms = max(window.start for window in (*windows, *newest)) - config.retention_ms
        added: list[Any] = []
        removed: list[bytes] = []
        for window, member, kept in zip(windows, members, replies[1:], strict=True):
            before = [found for one in kept if (found := window_of(one)) is not None]
            if window.start > first_ms and all(_rank(window) > _rank(one) for one in before):
                added += (window.start, member)
                removed += kept
        if not added:
            return []
        commands: list[Command] = [("ZREM", key, *removed)] if removed else []
        return [
            *commands,
            ("ZADD", key, *added),
            ("ZREMRANGEBYSCORE", key, "-inf", first_ms),
            ("ZREMRANGEBYRANK", key, 0, -1 - config.max_windows),
            ("EXPIRE", key, config.ttl_s),
        ]

    reads: list[Command] = [("ZREVRANGE", key, 0, 0)]
    reads += [("ZRANGEBYSCORE", key, window.start, window.start) for window in windows]
    return Change(key, (key,), reads, decide)


def window_of(member: bytes) -> Window | None:
    """What a member says of its window; None for what is none of ours: it is written over."""
    try:
        return _DECODER.decode(member)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _rank(window: Window) -> tuple[int, bool]:
    return window.revision, window.final


def _member(row: dict[str, Any], config: RedisTwinConfig) -> bytes:
    values = {name: row[name] for name in config.ring_fields if row[name] is not None}
    head = {"start": row["window_start"], "revision": row["revision"], "final": row["final"]}
    return _ENCODER.encode(head | values)
