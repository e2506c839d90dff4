"""Events as columns. They are few, and hold JSON of any shape: each is read on its own."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pyarrow as pa

from ironstream.contract import Event, Timestamps
from ironstream.engine.api import Chunk, Record
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.sinks.columns import common
from ironstream.sinks.columns.common import IDENTITY, MALFORMED, PLACE, TEXT, TIME
from ironstream.sinks.sink import Prepared, Refusal

SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *IDENTITY,
        pa.field("parameter", TEXT),
        pa.field("type", TEXT, nullable=False),
        pa.field("time", TIME, nullable=False),
        # JSON texts: a state may be text, number, truth, or an object
        pa.field("from", pa.string()),
        pa.field("to", pa.string()),
        pa.field("value", pa.string()),
        pa.field("details", pa.string()),
        pa.field("gateway_time", TIME),
        pa.field("kafka_time", TIME),
        *PLACE,
    ]
)


def decode(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    """A row per event. Never raises for what a record holds."""
    rows, places, refusals = [], [], []
    for place, record in common.data_records(chunk):
        try:
            rows.append(_row(record, chunk))
        except DecodeError as fault:
            refusals.append(Refusal(place, MALFORMED, str(fault)))
            continue
        places.append(place)
    return common.from_rows(SCHEMA, chunk, rows, places, refusals)


def _row(record: Record, chunk: Chunk) -> dict[str, Any]:
    try:
        event = msgspec.convert(common.json_object(record), Event)
    except (msgspec.ValidationError, RecursionError) as err:
        raise DecodeError("value", f"not an event: {err}") from err
    stamps = event.timestamps or Timestamps()
    device, gateway, kafka = (
        common.time_of(getattr(stamps, name), f"timestamps.{name}")
        for name in ("device_time", "gateway_time", "kafka_time")
    )
    time = next((one for one in (device, gateway, kafka) if one is not None), None)
    if time is None:
        raise DecodeError("timestamps", "has no time")
    return {
        "id": common.record_id(record, chunk),
        "tenant_id": event.tenant_id,
        "site_id": event.site_id,
        "asset_id": event.asset_id,
        "parameter": event.parameter,
        "type": event.type,
        "time": time,
        "from": common.json_text(event.from_),
        "to": common.json_text(event.to),
        "value": common.json_text(event.value),
        "details": common.json_text(event.details),
        "gateway_time": gateway,
        "kafka_time": kafka,
    }
