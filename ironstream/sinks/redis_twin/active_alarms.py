"""The alarms of an asset that are not over: of each occurrence the highest transition.

An occurrence that was CLEARED never comes back (the next alarm is another occurrence): its id is remembered as long as
the ring is, so that a replay does not raise it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import pyarrow as pa

from ironstream.contract import AlarmState
from ironstream.domain.times import EPOCH, MICROSECOND, to_iso
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.keys import AssetKeys
from ironstream.sinks.redis_twin.names import ASSET
from ironstream.sinks.redis_twin.transaction import Change, Command

COLUMNS: Final = (
    *ASSET, "parameter", "alarm_id", "occurrence_id", "transition", "time", "type", "severity", "state", "raised_at",
    "acked_at", "acked_by", "until", "message", "value", "threshold", "unit", "comment", "count", "rule_id",
)  # fmt: skip
KEY: Final = (*ASSET, "occurrence_id")
ORDER: Final = ("transition",)
_TIMES: Final = ("time", "raised_at", "acked_at", "until")
CLEARED_KEPT: Final = 10_000
"""Occurrences of one asset that are remembered as over, whatever the retention."""


class _Kept(msgspec.Struct):
    transition: int


_DECODER: Final = msgspec.json.Decoder(_Kept)
_ENCODER: Final = msgspec.json.Encoder()


def changes_of(table: pa.Table, config: RedisTwinConfig) -> list[Change]:
    """A change per asset from rows that are each the highest transition of their occurrence."""
    rows = sorted(table.select(COLUMNS).to_pylist(), key=itemgetter(*ASSET))
    return [
        _change(AssetKeys(config.key_prefix, *asset), list(of_asset), config)
        for asset, of_asset in groupby(rows, key=itemgetter(*ASSET))
    ]


def _change(keys: AssetKeys, rows: Sequence[dict[str, Any]], config: RedisTwinConfig) -> Change:
    over_ms = {row["occurrence_id"]: _us(row["time"]) // 1000 for row in rows if row["state"] == AlarmState.CLEARED}
    ids = [row["occurrence_id"] for row in rows]

    def decide(replies: Sequence[Any]) -> list[Command]:
        kept, known_over = replies[0], replies[1:]
        current: list[Any] = []
        for row, text, over in zip(rows, kept, known_over, strict=True):
            if over is None and row["occurrence_id"] not in over_ms and row["transition"] > transition_of(text):
                current += (row["occurrence_id"], _text(row))
        newly_over = [
            part for name, over in zip(ids, known_over, strict=True) if over is None and name in over_ms
            for part in (over_ms[name], name)
        ]  # fmt: skip
        left = [name for name, text in zip(ids, kept, strict=True) if text is not None and name in over_ms]
        commands: list[Command] = [("HSET", keys.alarms, *current)] if current else []
        if left:
            commands.append(("HDEL", keys.alarms, *left))
        if newly_over:
            commands.append(("ZADD", keys.cleared, *newly_over))
            forgotten_ms = max(newly_over[::2]) - config.retention_ms
            commands.append(("ZREMRANGEBYSCORE", keys.cleared, "-inf", forgotten_ms))
            commands.append(("ZREMRANGEBYRANK", keys.cleared, 0, -1 - CLEARED_KEPT))
        return [*commands, *(("EXPIRE", key, config.ttl_s) for key in (keys.alarms, keys.cleared) if commands)]

    reads: list[Command] = [("HMGET", keys.alarms, *ids), *(("ZSCORE", keys.cleared, name) for name in ids)]
    return Change(keys.alarms, (keys.alarms, keys.cleared), reads, decide)


def transition_of(text: bytes | None) -> int:
    """Number of a kept transition; -1 for none, and for what is none of ours: it is written over."""
    if text is None:
        return -1
    try:
        return _DECODER.decode(text).transition
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return -1


def _text(row: dict[str, Any]) -> bytes:
    shown = {name: value for name, value in row.items() if name not in ASSET and value is not None}
    shown |= {name: to_iso(_us(shown[name])) for name in _TIMES if name in shown}
    if "value" in shown:
        # the column holds JSON text: a number stays a number
        shown["value"] = msgspec.Raw(shown["value"].encode())
    return _ENCODER.encode(shown)


def _us(time: Any) -> int:
    return int((time - EPOCH) // MICROSECOND)
