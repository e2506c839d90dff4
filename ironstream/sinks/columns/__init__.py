"""Records of the output topics as Arrow columns, one schema per class of data.

`decode_columns` turns a chunk into a table; a record that cannot be read is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ironstream.engine.api import Chunk
from ironstream.schemas import Schemas
from ironstream.sinks.classes import DataClass, class_of
from ironstream.sinks.columns import aggregates, alarms, events, readings
from ironstream.sinks.sink import Prepared

SCHEMAS = {
    DataClass.READINGS: readings.SCHEMA,
    DataClass.AGGREGATES: aggregates.SCHEMA,
    DataClass.EVENTS: events.SCHEMA,
    DataClass.ALARMS: alarms.SCHEMA,
}
"""Schema of the tables of each class: what a sink can rely on, whatever came."""

_DECODERS: dict[DataClass, Callable[[Chunk, Schemas], Prepared[Any]]] = {
    DataClass.READINGS: readings.decode,
    DataClass.AGGREGATES: aggregates.decode,
    DataClass.EVENTS: events.decode,
    DataClass.ALARMS: alarms.decode,
}


def decode_columns(chunk: Chunk, schemas: Schemas) -> Prepared[Any]:
    """The chunk as a table of its topic's class. Never raises for what records hold."""
    data_class = class_of(chunk.topic)
    if data_class is None:
        raise ValueError(f"{chunk.topic} is no topic of clean data")
    return _DECODERS[data_class](chunk, schemas)
