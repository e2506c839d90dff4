"""Clean readings as columns. JSON of our own takes the fast way, all else (Avro, unknown fields) the slow one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.codec import WireReading, decode_readings
from ironstream.contract import DEFAULT_PART, ID_HEADER, SCHEMA_VERSION, Topic
from ironstream.engine.api import Chunk
from ironstream.errors import DecodeError
from ironstream.kernels.source_ids import source_ids
from ironstream.schemas import Schemas
from ironstream.sinks.columns import common
from ironstream.sinks.columns.common import IDENTITY, MALFORMED, PLACE, TEXT, TIME
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
_LINE: Final = pa.schema(
    [
        ("asset_id", pa.string()),
        ("parameter", pa.string()),
        ("value", pa.float64()),
        ("timestamps", pa.struct([(name, pa.string()) for name in (*_TIMES, "timezone")])),
        ("schema_version", pa.int64()),
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("unit", pa.string()),
        ("quality", pa.string()),
        ("classification", pa.string()),
        (
            "metadata",
            pa.struct(
                [
                    *((name, pa.string()) for name in ("pipeline_id", "adapter_id", "adapter_version", "hostname")),
                    ("boot", pa.string()),
                    ("seq", pa.int64()),
                    ("historical", pa.bool_()),
                ]
            ),
        ),
        ("quality_reasons", pa.list_(pa.string())),
        ("clock_skew_ms", pa.int64()),
        ("topology_version", pa.int64()),
        ("site_name", pa.string()),
        ("machine_type", pa.string()),
        ("canonical_name", pa.string()),
    ]
)
_PLAIN: Final = (
    "asset_id", "parameter", "value", "unit", "quality_reasons", "clock_skew_ms", "site_name", "machine_type",
    "canonical_name", "topology_version",
)  # fmt: skip
_METADATA: Final = ("pipeline_id", "adapter_id", "boot", "seq")
_ID_HEADER: Final = np.frombuffer(bytearray(ID_HEADER.encode()), np.uint8)
_ID_PREFIX: Final = np.frombuffer(bytearray(f"{Topic.TELEMETRY_RAW}/".encode()), np.uint8)


def decode(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    """A row per reading. Never raises for what a record holds."""
    prepared = _fast(chunk)
    return _slow(chunk, schemas) if prepared is None else prepared


def _fast(chunk: Chunk) -> Prepared[pa.Table] | None:
    lines = common.read_lines(chunk, _LINE)
    if lines is None:
        return None
    stamps, metadata = lines["timestamps"].combine_chunks(), lines["metadata"].combine_chunks()
    columns: dict[str, Any] = {name: lines[name] for name in _PLAIN}
    columns |= {name: pc.struct_field(metadata, name) for name in _METADATA}
    try:
        # What the slow way would read otherwise, or refuse.
        common.finite(lines["value"])
        common.within(lines["schema_version"], 0, SCHEMA_VERSION)
        for name in ("tenant_id", "site_id", "quality"):
            common.without_empty(lines[name])
        device, gateway, kafka = (common.times(pc.struct_field(stamps, name)) for name in _TIMES)
        columns |= {"time": pc.coalesce(device, gateway), "gateway_time": gateway, "kafka_time": kafka}
        columns |= {name: pc.fill_null(lines[name], DEFAULT_PART) for name in ("tenant_id", "site_id")}
        columns["quality"] = pc.fill_null(lines["quality"], "GOOD")
        columns["extra"] = pa.nulls(len(lines), pa.string())
        if any(columns[name].null_count for name in ("asset_id", "parameter", "time")):
            return None
        if pc.list_flatten(lines["quality_reasons"]).null_count:
            return None
        places = np.arange(len(lines))
        table = common.table_of(SCHEMA, columns | _origins(chunk, places) | common.place_columns(chunk, places))
    except pa.ArrowInvalid:
        return None
    return Prepared(table, places, table.nbytes)


def _slow(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    refusals: list[Refusal] = []
    records = list(common.data_records(chunk))
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
        "value": value,
        "tenant_id": reading.tenant_id or DEFAULT_PART,
        "site_id": reading.site_id or DEFAULT_PART,
        "quality": reading.quality or "GOOD",
        "time": gateway if device is None else device,
        "gateway_time": gateway,
        "kafka_time": kafka,
        "extra": common.json_text(extra),
    }
    if reading.metadata is not None:
        row |= {name: getattr(reading.metadata, name) for name in _METADATA}
    return row


def _origins(chunk: Chunk, places: NDArray[np.int64]) -> dict[str, Any]:
    records = chunk.records
    partitions, offsets = np.empty(len(records), np.int64), np.empty(len(records), np.int64)
    source_ids(records.buffer, np.ascontiguousarray(records.places), _ID_HEADER, _ID_PREFIX, partitions, offsets)
    unknown = partitions < 0
    partitions[unknown], offsets[unknown] = -1 - chunk.partition, records.offsets[unknown]
    return {"raw_partition": pa.array(partitions[places].astype(np.int32)), "raw_offset": pa.array(offsets[places])}
