"""A clean reading as a record of our schema, and as it is in JSON: either is made of the other, and nothing is lost.

What the schema has no field for is in `extra`, as JSON, in the place that it has in the reading: unknown fields, and
those few of the contract that are rare or do not fit.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ironstream.domain.times import to_us
from ironstream.errors import DecodeError

_TIMES: Final = ("device_time", "gateway_time")
_METADATA: Final = frozenset(("pipeline_id", "adapter_id", "adapter_version", "hostname", "boot", "seq"))
_LAST: Final = 2**63
_NESTED: Final = ("timestamps", "metadata")


def to_record(reading: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The fields of the schema for a complete clean reading, whose unknown fields are in `extra`."""
    times, metadata, value = reading["timestamps"], reading.get("metadata"), reading["value"]
    extra = _added(
        extra, "timestamps", {name: one for name, one in times.items() if name not in (*_TIMES, "kafka_time")}
    )
    if metadata is not None:
        placed = {name: one for name, one in metadata.items() if name in _METADATA and _fits(one)}
        extra = _added(extra, "metadata", {name: one for name, one in metadata.items() if name not in placed})
        metadata = placed
    return (
        {"quality_reasons": []}
        | reading
        | {
            "value": None if value is None else float(value),
            "timestamps": {name: _us(times.get(name)) for name in _TIMES},
            "metadata": metadata,
            "kafka_time": _us(times.get("kafka_time")),
            "extra": msgspec.json.encode(extra).decode() if extra else None,
        }
    )


def to_json(record: dict[str, Any]) -> dict[str, Any]:
    """The reading as our agents say it in JSON, of a record of the schema whose values are those of JSON already.

    Raises DecodeError for an `extra` that is no JSON object.
    """
    text = record["extra"]
    try:
        extra = {} if text is None else msgspec.json.decode(text)
    except (ValueError, RecursionError) as err:
        raise DecodeError("extra", f"not JSON: {err}") from err
    if not isinstance(extra, dict):
        raise DecodeError("extra", "not a JSON object")
    reading = {name: one for name, one in record.items() if name not in ("extra", "kafka_time")}
    reading["timestamps"] = reading["timestamps"] | {"kafka_time": record["kafka_time"]}
    for name in _NESTED:
        more = extra.get(name)
        if isinstance(reading[name], dict):
            reading[name] = (more if isinstance(more, dict) else {}) | _said(reading[name])
    if not reading["quality_reasons"]:
        del reading["quality_reasons"]
    return extra | _said(reading) | {"value": record["value"]}


def _added(extra: dict[str, Any], name: str, more: dict[str, Any]) -> dict[str, Any]:
    return extra | {name: extra.get(name, {}) | more} if more else extra


def _fits(value: Any) -> bool:
    return not isinstance(value, int) or -_LAST <= value < _LAST


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in fields.items() if one is not None}


def _us(time: str | int | float | None) -> int | None:
    return None if time is None else to_us(time)
