"""W1 in Quix Streams: 60 s tumbling windows per sensor, results when a window is closed.

One process of one consumer group: Kafka deals its partitions to as many as are started. State is in RocksDB under
DATA_DIR, with a changelog topic, committed every 5 s (both are the library's own defaults).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows.aggregations import BaseAggregator
from quixstreams.models import Deserializer, SerializationContext
from uc2 import WINDOW_MS, decoder, result

State = list[Any]
"""Count, sum, sum of squares, min, max."""


class ActivePower(Deserializer):
    """Power in Avro, without the registry that the library's own would ask."""

    def __init__(self) -> None:
        super().__init__()
        self._decode = decoder()

    def __call__(self, value: bytes, ctx: SerializationContext) -> Any:
        return self._decode(value)


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
    value: dict[str, Any] = result(key, window["start"], *window["statistics"])
    return value


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
        value_deserializer=ActivePower(),
        timestamp_extractor=lambda value, _headers, _time, _type: value["timestamp"],
    )
    statistics = app.topic(os.environ["OUTPUT_TOPIC"], key_serializer="str", value_serializer="json")
    app.dataframe(power).tumbling_window(WINDOW_MS).agg(statistics=PowerStatistics()).final().apply(
        _output, metadata=True
    ).to_topic(statistics)
    return app


if __name__ == "__main__":
    build().run()
