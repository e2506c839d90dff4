"""Bytes of Sparkplug B to metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from adapters.mqtt.sparkplug.types import DataType, MetricError, Value, datatype_of, value_of
from adapters.mqtt.sparkplug.wire import PayloadMessage
from ironstream.domain.times import MAX_US

_MAX_DEPTH: Final = 8
_MAX_CELLS: Final = 10_000


class SparkplugError(ValueError):
    """Bytes that are no Sparkplug B payload; the text says why."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it came: births name it, data may name it by `alias` alone. `time_us`: µs since the epoch.

    `values` are its single values by what is added to its name: one, "", of a single value, more of a data set or a
    template. `quality` is the code of its property Quality (192 good, 0 bad, 500 stale). `fault`: it cannot be read.
    """

    name: str | None
    alias: int | None
    datatype: int | None
    time_us: int | None
    historical: bool = False
    null: bool = False
    unit: str | None = None
    quality: int | None = None
    raw: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload. `seq` is 0 to 255."""

    seq: int | None
    time_us: int | None
    metrics: tuple[Metric, ...]


def decode_payload(data: bytes) -> Payload:
    """The metrics of a payload. Raises SparkplugError."""
    message = PayloadMessage()
    try:
        message.ParseFromString(data)
        metrics = tuple(_metric(one) for one in message.metrics)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SparkplugError(f"not a Sparkplug B payload: {str(error) or type(error).__name__}") from error
    seq = message.seq if message.HasField("seq") else None
    if seq is not None and seq > 255:
        raise SparkplugError(f"seq {seq} is above 255")
    return Payload(seq, _time_us(message), metrics)


def single_values(metric: Metric, type_: DataType) -> Iterator[tuple[str, DataType, Value | None]]:
    """What is added to the metric's name, type and value of each single value. Raises MetricError.

    A data set gives `column` (of one row) or `row.column`, a template its members; its definition gives nothing.
    """
    if metric.null or metric.raw is None:
        if type_.is_single:
            yield "", type_, None
        return
    yield from _values(metric.raw, type_, "", 0)


def rebirth_request(time_ms: int) -> bytes:
    """The command that asks an edge node for its birth; `time_ms` since the epoch."""
    message = PayloadMessage(timestamp=time_ms)
    message.metrics.add(name="Node Control/Rebirth", timestamp=time_ms, datatype=DataType.BOOLEAN, boolean_value=True)
    return bytes(message.SerializeToString())


def _metric(one: Any) -> Metric:
    unit, quality = _properties(one.properties) if one.HasField("properties") else (None, None)
    return Metric(
        one.name if one.HasField("name") and one.name else None,
        one.alias if one.HasField("alias") else None,
        one.datatype if one.HasField("datatype") else None,
        _time_us(one),
        one.is_historical,
        one.is_null,
        unit,
        quality,
        one,
    )


def _time_us(message: Any) -> int | None:
    if not message.HasField("timestamp") or not 0 < message.timestamp * 1000 <= MAX_US:
        return None
    return int(message.timestamp) * 1000


def _properties(properties: Any) -> tuple[str | None, int | None]:
    unit: str | None = None
    quality: int | None = None
    for key, value in zip(properties.keys, properties.values, strict=False):
        field_ = value.WhichOneof("value")
        if field_ is None or value.is_null:
            continue
        if key == "engUnit" and field_ == "string_value" and value.string_value:
            unit = value.string_value
        elif key == "Quality" and field_ in ("int_value", "long_value"):
            quality = getattr(value, field_)
    return unit, quality


def _values(holder: Any, type_: DataType, name: str, depth: int) -> Iterator[tuple[str, DataType, Value | None]]:
    match type_:
        case DataType.DATASET:
            yield from _cells(holder.dataset_value, name)
        case DataType.TEMPLATE:
            yield from _members(holder.template_value, name, depth)
        case DataType.BYTES | DataType.FILE:
            raise MetricError(f"{type_.name} is not read")
        case _:
            value = value_of(type_, holder)
            text = isinstance(value, str)
            yield name, DataType.STRING if text else type_, value


def _cells(dataset: Any, name: str) -> Iterator[tuple[str, DataType, Value | None]]:
    columns, types, rows = list(dataset.columns), list(dataset.types), list(dataset.rows)
    if len(columns) != len(types) or len(columns) * len(rows) > _MAX_CELLS:
        raise MetricError(f"a data set of {len(columns)} columns, {len(types)} types and {len(rows)} rows")
    for number, row in enumerate(rows):
        if len(row.elements) != len(columns):
            raise MetricError(f"row {number} of a data set has {len(row.elements)} of {len(columns)} cells")
        for column, type_, cell in zip(columns, types, row.elements, strict=True):
            own = column if len(rows) == 1 else f"{number}.{column}"
            yield _joined(name, own), datatype_of(type_), value_of(datatype_of(type_), cell)


def _members(template: Any, name: str, depth: int) -> Iterator[tuple[str, DataType, Value | None]]:
    if template.is_definition:
        return
    if depth >= _MAX_DEPTH:
        raise MetricError(f"templates more than {_MAX_DEPTH} deep")
    for member in template.metrics:
        if member.is_null or not member.name:
            continue
        yield from _values(member, datatype_of(member.datatype), _joined(name, member.name), depth + 1)


def _joined(name: str, own: str) -> str:
    return f"{name}/{own}" if name else own
