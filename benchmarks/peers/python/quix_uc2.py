"""W1 in Quix Streams: 60 s tumbling windows per sensor, results when a window is closed.

One process of one consumer group: Kafka deals its partitions to as many as are started. State is in RocksDB under
DATA_DIR, with a changelog topic, committed every 5 s (both are the library's own defaults).
"""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from fastavro import parse_schema, schemaless_reader
from quixstreams import Application
from quixstreams.dataframe.windows.aggregations import BaseAggregator
from quixstreams.models import Deserializer, SerializationContext

WINDOW_MS: Final = 60_000
_FRAME: Final = 5  # magic byte and schema id

State = list[Any]
"""Count, sum, sum of squares, min, max."""


class ActivePower(Deserializer):
    """Avro in Confluent's framing, by a schema that is known beforehand: there is no registry."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__()
        self._schema = parse_schema(schema)

    def __call__(self, value: bytes, ctx: SerializationContext) -> Any:
        encoded = BytesIO(value)
        encoded.seek(_FRAME)
        return schemaless_reader(encoded, self._schema)


class PowerStatistics(BaseAggregator[State]):
    """All statistics in one state, so that a window is read and written once per record."""

    @property
    def state_suffix(self) -> str:
        return "power-statistics"

    def initialize(self) -> State:
        return [0, 0.0, 0.0, float("inf"), float("-inf")]

    def agg(self, old: State, new: dict[str, Any], timestamp: int) -> State:
        watts = new["valueInW"]
        count, total, squares, least, most = old
        return [
            count + 1,
            total + watts,
            squares + watts * watts,
            watts if watts < least else least,
            watts if watts > most else most,
        ]

    def result(self, value: State) -> State:
        return value


def _output(window: dict[str, Any], key: str, _timestamp: int, _headers: Any) -> dict[str, Any]:
    count, total, squares, least, most = window["statistics"]
    mean = total / count
    return {
        "identifier": key,
        "window_start": window["start"],
        "window_end": window["end"],
        "count": count,
        "sum": total,
        "mean": mean,
        "min": least,
        "max": most,
        "variance": max(0.0, squares / count - mean * mean),
    }


def build() -> Application:
    """The application, from the environment."""
    app = Application(
        broker_address=os.environ["BOOTSTRAP"],
        consumer_group=os.environ["APPLICATION_ID"],
        auto_offset_reset="earliest",
        state_dir=Path(os.environ["DATA_DIR"]) / "state",
        loglevel="WARNING",
    )
    power = app.topic(
        os.environ["INPUT_TOPIC"],
        key_deserializer="str",
        value_deserializer=ActivePower(json.loads(Path(os.environ["SCHEMA_FILE"]).read_text())),
        timestamp_extractor=lambda value, _headers, _time, _type: value["timestamp"],
    )
    statistics = app.topic(os.environ["OUTPUT_TOPIC"], key_serializer="str", value_serializer="json")
    app.dataframe(power).tumbling_window(WINDOW_MS).agg(statistics=PowerStatistics()).final().apply(
        _output, metadata=True
    ).to_topic(statistics)
    return app


if __name__ == "__main__":
    build().run()
