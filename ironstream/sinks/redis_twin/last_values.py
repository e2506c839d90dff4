"""The last value of every series: newest by (time, raw partition, raw offset), in whatever order readings come.

Field = parameter, value = JSON `{value, unit, quality, reasons, time, order}`; `order` is [time in µs, partition,
offset] and decides what is newer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ironstream.domain.times import to_iso
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.keys import AssetKeys
from ironstream.sinks.redis_twin.names import ASSET
from ironstream.sinks.redis_twin.transaction import Change, Command

COLUMNS: Final = (
    *ASSET, "parameter", "time", "value", "unit", "quality", "quality_reasons", "raw_partition", "raw_offset",
)  # fmt: skip
KEY: Final = (*ASSET, "parameter")
ORDER: Final = ("time", "raw_partition", "raw_offset")
_SAMPLED: Final = 2
Order = tuple[int, int, int]
_NEVER: Final[Order] = (0, 0, 0)


class LastValue(msgspec.Struct, omit_defaults=True):
    """What is kept of the newest reading of a series."""

    value: float | None
    quality: str
    time: str
    order: Order
    unit: str | None = None
    reasons: list[str] = []


class _Kept(msgspec.Struct):
    order: Order


_DECODER: Final = msgspec.json.Decoder(_Kept)
_ENCODER: Final = msgspec.json.Encoder()


def changes_of(table: pa.Table, config: RedisTwinConfig) -> list[Change]:
    """A change per asset from rows that are each the newest of their series."""
    plain = table.select(COLUMNS).set_column(COLUMNS.index("time"), "time", pc.cast(table["time"], pa.int64()))
    rows = sorted(plain.to_pylist(), key=itemgetter(*ASSET))
    return [
        _change(AssetKeys(config.key_prefix, *asset), list(of_asset), config)
        for asset, of_asset in groupby(rows, key=itemgetter(*ASSET))
    ]


def _change(keys: AssetKeys, rows: Sequence[dict[str, Any]], config: RedisTwinConfig) -> Change:
    orders: dict[str, Order] = {
        row["parameter"]: (row["time"], row["raw_partition"], row["raw_offset"]) for row in rows
    }
    texts = {row["parameter"]: _text(row, orders[row["parameter"]]) for row in rows}
    forgotten_us = max(orders.values())[0] - config.retention_ms * 1000

    def decide(replies: Sequence[Any]) -> list[Command]:
        kept, sample = replies
        newer = [
            name
            for name, text in zip(texts, kept, strict=True)
            if (before := order_of(text)) is None or orders[name] > before
        ]
        commands: list[Command] = []
        if newer:
            commands.append(("HSET", keys.last, *(part for name in newer for part in (name, texts[name]))))
            # what of an asset does not change must not expire while the asset lives
            commands += [("EXPIRE", key, config.ttl_s) for key in (keys.last, keys.alarms, keys.cleared)]
        gone = [
            name
            for name, text in _pairs(sample)
            if name.decode("utf-8", "replace") not in texts and (order_of(text) or _NEVER) < (forgotten_us,)
        ]
        if gone:
            commands.append(("HDEL", keys.last, *gone))
        return commands

    # A field of a hash has no time to live. A few are looked at with each change, and forgotten when they are too old.
    reads: list[Command] = [("HMGET", keys.last, *texts), ("HRANDFIELD", keys.last, _SAMPLED, "WITHVALUES")]
    return Change(keys.last, (keys.last,), reads, decide)


def order_of(text: bytes | None) -> Order | None:
    """What decides about a kept value; None for none, and for what is none of ours: it is written over."""
    if text is None:
        return None
    try:
        return _DECODER.decode(text).order
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _text(row: dict[str, Any], order: Order) -> bytes:
    return _ENCODER.encode(
        LastValue(
            value=row["value"],
            quality=row["quality"],
            time=to_iso(row["time"]),
            order=order,
            unit=row["unit"],
            reasons=row["quality_reasons"] or [],
        )
    )


def _pairs(flat: Sequence[bytes] | None) -> list[tuple[bytes, bytes]]:
    found = list(flat or ())
    return list(zip(found[::2], found[1::2], strict=True))
