"""Clean readings as columns. JSON of our own is read by a kernel, every other record (Avro, unknown fields) by itself.

Which way a record goes depends on its own bytes alone, and both ways make the same row of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ironstream.codec import WireReading, decode_readings
from ironstream.contract import CONTROL_KEY, DEFAULT_PART, ID_HEADER, Topic
from ironstream.engine.api import Chunk
from ironstream.errors import DecodeError
from ironstream.kernels.json_clean import read_clean_json
from ironstream.kernels.layout import (
    CLEAN_READING_COLUMNS,
    CLEAN_TEXTS,
    CLEAN_VALUE_AT,
    CLEAN_WHOLE,
    MISSING,
    OFFSET,
    SLOW,
    TAKEN_LONG,
)
from ironstream.kernels.source_ids import source_ids
from ironstream.schemas import Schemas
from ironstream.sinks.columns import common
from ironstream.sinks.columns.common import IDENTITY, MALFORMED, PLACE, TEXT, TIME
from ironstream.sinks.columns.texts import Texts
from ironstream.sinks.sink import Prepared, Refusal

SCHEMA: Final = pa.schema(
    [
        *IDENTITY,
        pa.field("parameter", TEXT, nullable=False),
        pa.field("time", TIME, nullable=False),  # of the device, else of the gateway
        pa.field("value", pa.float64()),  # null where the sensor is dead
        pa.field("unit", TEXT),
        pa.field("quality", TEXT, nullable=False),
        pa.field("quality_reasons", pa.list_(pa.string())),
        pa.field("gateway_time", TIME),
        pa.field("kafka_time", TIME),
        pa.field("clock_skew_ms", pa.int64()),
        pa.field("site_name", TEXT),
        pa.field("machine_type", TEXT),
        pa.field("canonical_name", TEXT),
        pa.field("pipeline_id", TEXT),
        pa.field("adapter_id", TEXT),
        pa.field("boot", TEXT),
        pa.field("seq", pa.int64()),
        pa.field("topology_version", pa.int32()),
        pa.field("extra", pa.string()),  # fields that the contract does not know, as JSON
        # The raw record that it was made of, which is its id together with its series. Without one: -1 - partition and
        # offset of the clean record.
        pa.field("raw_partition", pa.int32(), nullable=False),
        pa.field("raw_offset", pa.int64(), nullable=False),
        *PLACE,
    ]
)
_TIMES: Final = ("device_time", "gateway_time", "kafka_time")
_PLAIN: Final = (
    "asset_id", "parameter", "value", "unit", "quality_reasons", "clock_skew_ms", "site_name", "machine_type",
    "canonical_name", "topology_version",
)  # fmt: skip
_METADATA: Final = ("pipeline_id", "adapter_id", "boot", "seq")
_DEFAULTS: Final = {"tenant_id": DEFAULT_PART, "site_id": DEFAULT_PART, "quality": "GOOD"}
"""For what is null or empty."""
_REASONS: Final = "quality_reasons"
_ID_HEADER: Final = np.frombuffer(bytearray(ID_HEADER.encode()), np.uint8)
_ID_PREFIX: Final = np.frombuffer(bytearray(f"{Topic.TELEMETRY_RAW}/".encode()), np.uint8)


def decode(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    """A row per reading. Never raises for what a record holds."""
    fast = _fast(chunk)
    if len(fast.places) == len(chunk.records):
        return fast
    taken = np.zeros(len(chunk.records), np.bool_)
    taken[fast.places] = True
    slow = _slow(chunk, schemas, np.flatnonzero(~taken).tolist())
    if not len(fast.places) or not len(slow.places):
        one = slow if len(slow.places) else fast
        return Prepared(one.rows, one.places, one.nbytes, slow.refusals)
    places = np.concatenate([fast.places, slow.places])
    order = np.argsort(places, kind="stable")
    table = pa.concat_tables([fast.rows, slow.rows]).unify_dictionaries().take(pa.array(order))
    return Prepared(table, places[order], table.nbytes, slow.refusals)


def _fast(chunk: Chunk) -> Prepared[pa.Table]:
    """A row for each record that the kernel takes, which is what our own agents write in JSON."""
    records = chunk.records
    found = np.empty((len(records), CLEAN_READING_COLUMNS), np.int64)
    values, fates = np.empty(len(records)), np.empty(len(records), np.uint8)
    read_clean_json(records.buffer, np.ascontiguousarray(records.places), found, values, fates)
    fates[records.with_key(CONTROL_KEY)] = SLOW
    places = np.flatnonzero(fates != SLOW)
    if len(places) < len(records):
        found, values, fates = found[places], values[places], fates[places]
    texts = Texts(records.buffer, found)
    long = np.flatnonzero(fates == TAKEN_LONG)
    values[long] = texts.floats(long, CLEAN_VALUE_AT)
    columns: dict[str, Any] = {
        name: texts.column(2 * at, _DEFAULTS.get(name)) for at, name in enumerate(CLEAN_TEXTS) if name != _REASONS
    }
    columns[_REASONS] = texts.lists(2 * CLEAN_TEXTS.index(_REASONS))
    columns |= _whole(found)
    columns["value"] = pa.array(values, from_pandas=True)  # NaN is null
    columns["extra"] = pa.nulls(len(places), pa.string())
    table = common.table_of(SCHEMA, columns | _origins(chunk, places) | common.place_columns(chunk, places))
    return Prepared(table, places, table.nbytes)


def _whole(found: NDArray[np.int64]) -> dict[str, Any]:
    """Columns of times and whole numbers."""
    whole = dict(zip(CLEAN_WHOLE, found[:, 2 * len(CLEAN_TEXTS) : CLEAN_VALUE_AT].T.copy(), strict=True))
    device, gateway = whole.pop("device_time"), whole["gateway_time"]
    whole["time"] = np.where(device == MISSING, gateway, device)
    columns = {}
    for name, column in whole.items():
        missing = column == MISSING
        made = pa.array(column, mask=missing if missing.any() else None)
        columns[name] = made.view(TIME) if name.endswith("time") else made
    return columns


def _slow(chunk: Chunk, schemas: Schemas, among: Sequence[int] | None = None) -> Prepared[pa.Table]:
    """Rows of the records at the places `among` (None: all), whatever they hold."""
    refusals: list[Refusal] = []
    records = list(common.data_records(chunk, among))
    decoded = decode_readings([record.value for _, record in records], schemas)
    refusals += [Refusal(records[at][0], MALFORMED, str(fault)) for at, fault in decoded.faults]
    rows, places = [], []
    for at, (reading, source) in enumerate(zip(decoded.readings, decoded.source, strict=True)):
        place = records[source][0]
        try:
            rows.append(common.fitting(_row(reading, decoded.extras.get(at)), _WHOLE_COLUMNS))
        except DecodeError as fault:
            refusals.append(Refusal(place, MALFORMED, str(fault)))
            continue
        places.append(place)
    prepared = common.from_rows(_WITHOUT_ORIGIN, chunk, rows, places, refusals)
    columns = {name: prepared.rows[name] for name in _WITHOUT_ORIGIN.names}
    table = common.table_of(SCHEMA, columns | _origins(chunk, prepared.places))
    return Prepared(table, prepared.places, table.nbytes, refusals)


_WITHOUT_ORIGIN: Final = pa.schema([field for field in SCHEMA if not field.name.startswith("raw_")])
_WHOLE_COLUMNS: Final = common.whole_columns(_WITHOUT_ORIGIN)


def _row(reading: WireReading, extra: dict[str, Any] | None) -> dict[str, Any]:
    stamps = reading.timestamps
    device, gateway, kafka = (common.time_of(getattr(stamps, name), f"timestamps.{name}") for name in _TIMES)
    if device is None and gateway is None:
        raise DecodeError("timestamps", "has neither device_time nor gateway_time")
    try:
        value = None if reading.value is None else float(reading.value)
    except OverflowError as err:
        raise DecodeError("value", "is too large for a number of 64 bits") from err
    row = {name: getattr(reading, name) for name in _PLAIN} | {
        **{name: getattr(reading, name) or default for name, default in _DEFAULTS.items()},
        "value": value,
        "time": gateway if device is None else device,
        "gateway_time": gateway,
        "kafka_time": kafka,
        "extra": common.json_text(extra),
    }
    if reading.metadata is not None:
        row |= {name: getattr(reading.metadata, name) for name in _METADATA}
    return row


def _origins(chunk: Chunk, places: NDArray[np.int64]) -> dict[str, Any]:
    records = chunk.records.places[places]
    partitions, offsets = np.empty(len(records), np.int64), np.empty(len(records), np.int64)
    source_ids(chunk.records.buffer, records, _ID_HEADER, _ID_PREFIX, partitions, offsets)
    unknown = partitions < 0
    partitions[unknown], offsets[unknown] = -1 - chunk.partition, records[unknown, OFFSET]
    return {"raw_partition": pa.array(partitions.astype(np.int32)), "raw_offset": pa.array(offsets)}
