"""W1 in plain faust-streaming: 60 s tumbling windows per sensor, results when a window is over.

One process of one consumer group: Faust's assignor deals the partitions to as many as are started. State is an ordinary
table with its changelog topic. A row holds the open window of a sensor, and the first record of a later window ends it:
Faust's windowed tables expire by the machine's clock and tell of one partition's closed windows only, so their results
would be wrong on twelve.
"""

from __future__ import annotations

import os
from typing import Any, Final

import faust
import orjson
from uc2 import WINDOW_MS, decoder, result

_PARTITIONS: Final = 12

State = list[Any]
"""Start of the window in ms, count, sum, sum of squares, min, max, time of the last record in ms."""


def build() -> faust.App:
    """The app, from the environment."""
    decode = decoder()
    app = faust.App(
        os.environ["APPLICATION_ID"],
        broker=[f"kafka://{server}" for server in os.environ["BOOTSTRAP"].split(",")],
        store="memory://",
        datadir=os.environ["DATA_DIR"],
        origin=None,
        autodiscover=False,
        web_enabled=False,
        topic_partitions=_PARTITIONS,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        cython_optimizations=True,
        # without it each change of a row is a request of its own
        producer_linger=0.05,
    )
    power = app.topic(os.environ["INPUT_TOPIC"], key_serializer="raw", value_serializer="raw")
    statistics = app.topic(os.environ["OUTPUT_TOPIC"], key_serializer="raw", value_serializer="raw")
    windows = app.Table("windows", partitions=_PARTITIONS)

    @app.agent(power)
    async def aggregate(stream: Any) -> None:
        async for key, value in stream.items():
            record = decode(value)
            identifier, time_ms, watts = record["identifier"], record["timestamp"], record["valueInW"]
            start = time_ms - time_ms % WINDOW_MS
            window = windows.get(identifier)
            if window is not None and time_ms <= window[-1]:
                continue  # after a rebalance records come again that the changelog has already
            if window is not None and start > window[0]:
                await statistics.send(key=key, value=_output(identifier, window))
                window = None
            windows[identifier] = _add(window or [start, 0, 0.0, 0.0, watts, watts, 0], time_ms, watts)

    return app


def _add(window: State, time_ms: int, watts: float) -> State:
    start, count, total, squares, least, most, _ = window
    return [
        start,
        count + 1,
        total + watts,
        squares + watts * watts,
        watts if watts < least else least,
        watts if watts > most else most,
        time_ms,
    ]


def _output(identifier: str, window: State) -> bytes:
    start, count, total, squares, least, most, _ = window
    encoded: bytes = orjson.dumps(result(identifier, start, count, total, squares, least, most))
    return encoded


def main() -> None:
    """Run the worker until SIGTERM."""
    app: Any = build()
    app.conf.Worker(app, quiet=True, loglevel="warn").execute_from_commandline()


if __name__ == "__main__":
    main()
