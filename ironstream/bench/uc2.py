"""UC2 of the Theodolite benchmark on the engine: `python -m ironstream.bench.uc2`, one worker process.

Each sensor's readings (Avro in Confluent framing) are summed up in tumbling windows of 60 s of event time. It is an
agent like the product's own: chunks in, outputs out, rows kept by the engine. What the environment says is described in
benchmarks/README.md.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer

from ironstream.avro import ASSET_PLACE, Target, compile_schema
from ironstream.contract import CONTROL_KEY, ID_HEADER
from ironstream.engine.api import Chunk, Outputs, Store
from ironstream.engine.app import App, Chunks, EngineConfig
from ironstream.kernels.avro_readings import read_avro
from ironstream.kernels.layout import DEVICE, READING_COLUMNS, TAKEN_AVRO
from ironstream.kernels.moments import (
    COUNT,
    HIGHEST,
    LOWEST,
    MEAN,
    MOMENTS,
    SQUARES,
    START,
    SUM,
    add_to_windows,
)
from ironstream.kernels.streams import StreamIndex
from ironstream.log import configure_logging
from ironstream.topics import TopicSpec, changelog_config, changelog_topic, ensure_topics
from ironstream.worker import prepare_process, run

NAME: Final = "uc2"
SIZE_MS: Final = 60_000
SCHEMA_ID: Final = 1
TARGETS: Final = {
    "identifier": Target("text", ASSET_PLACE),
    "timestamp": Target("time", DEVICE, scale=1000),
    "valueInW": Target("value"),
}
_encode: Final = msgspec.json.Encoder().encode


class PowerWindows:
    """The open windows of one partition's sensors."""

    topology_version = 0
    topology_number = 0

    def __init__(self, store: Store, schema: dict[str, Any], output: str) -> None:
        self._store = store
        self._output = output
        self._program = compile_schema(schema, TARGETS)
        self._index = StreamIndex()
        self._names: list[bytes] = []
        self._open = np.zeros((1024, MOMENTS))
        self._changed = np.zeros(1024, np.bool_)
        for name, row in store.scan(b""):
            self._open[self._add(name)] = np.frombuffer(row)

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        """Take every reading; one that is no record of the schema is an error of whoever loads the benchmark."""
        records = chunk.records
        found = np.empty((len(records), READING_COLUMNS), np.int64)
        values, fates = np.empty(len(records)), np.zeros(len(records), np.uint8)
        steps, codes = self._program.steps, self._program.codes
        read_avro(records.buffer, records.places, SCHEMA_ID, steps, codes, found, values, fates)
        sensors = self._index.find(records.buffer, found, fates)
        for at in np.flatnonzero((sensors < 0) & (fates == TAKEN_AVRO)).tolist():
            sensors[at] = self._number_of(records.buffer, found[at])
        taken = sensors >= 0
        if len(records) - int(taken.sum()) != len(records.with_key(CONTROL_KEY)):
            raise ValueError(f"a value of {chunk.topic}, partition {chunk.partition}, is not of schema {SCHEMA_ID}")
        sensors, times, values = sensors[taken], found[taken, DEVICE] // 1000, values[taken]
        self._changed[sensors] = True
        closed_sensors, closed = np.empty(len(sensors), np.int64), np.empty((len(sensors), MOMENTS))
        count, _ = add_to_windows(sensors, times, values, SIZE_MS, self._open, closed_sensors, closed)
        now_ms = int(records.timestamps[-1])
        pairs = zip(closed_sensors[:count].tolist(), closed[:count].tolist(), strict=True)
        out.send_many(self._output, (self._row(self._names[sensor], window, now_ms) for sensor, window in pairs))

    def flush(self) -> None:
        """Write every changed window into the store."""
        for sensor in np.flatnonzero(self._changed).tolist():
            self._store.put(self._names[sensor], self._open[sensor].tobytes())
        self._changed[:] = False

    def _row(self, name: bytes, window: list[float], now_ms: int) -> tuple[int, bytes, bytes, list[tuple[str, bytes]]]:
        start, count = int(window[START]), int(window[COUNT])
        value = {
            "identifier": name.decode(),
            "window_start": start,
            "window_end": start + SIZE_MS,
            "count": count,
            "sum": window[SUM],
            "mean": window[MEAN],
            "min": window[LOWEST],
            "max": window[HIGHEST],
            "variance": window[SQUARES] / count,
        }
        return now_ms, name, _encode(value), [(ID_HEADER, b"%s/%d" % (name, start))]

    def _number_of(self, buffer: Any, row: Any) -> int:
        start, end = row[ASSET_PLACE : ASSET_PLACE + 2].tolist()
        name = buffer[start:end].tobytes()
        # A new sensor may come twice in a chunk.
        known = self._index.find(buffer, row[None], np.array([TAKEN_AVRO], np.uint8))[0]
        return int(known) if known >= 0 else self._add(name)

    def _add(self, name: bytes) -> int:
        number = len(self._names)
        if number == len(self._open):
            self._open = np.concatenate([self._open, np.zeros_like(self._open)])
            self._changed = np.concatenate([self._changed, np.zeros_like(self._changed)])
        row = np.full(READING_COLUMNS, -1, np.int64)
        row[ASSET_PLACE : ASSET_PLACE + 2] = 0, len(name)
        self._index.add(np.frombuffer(bytearray(name), np.uint8), row, number)
        self._names.append(name)
        return number


def build(environment: Mapping[str, str]) -> App:
    """The worker that the environment describes."""
    prepare_process()
    schema = json.loads(Path(environment["SCHEMA_FILE"]).read_text(encoding="utf-8"))
    source, output = environment["INPUT_TOPIC"], environment["OUTPUT_TOPIC"]
    client = {"bootstrap_servers": environment["BOOTSTRAP"].split(",")}
    # The agent's name is also that of its changelog.
    name = environment["APPLICATION_ID"]
    asyncio.run(_make_changelog(client, changelog_topic(name), source))
    folder = Path(environment["DATA_DIR"]) / str(os.getpid())
    folder.mkdir(parents=True)
    app = App(EngineConfig(application_id=name, client_settings=client, state_dir=folder))

    def make(store: Store, partition: int) -> PowerWindows:
        return PowerWindows(store, schema, output)

    @app.batch_agent(source, name=name, logic=make)
    async def uc2(chunks: Chunks) -> None:
        async for chunk, partition in chunks:
            partition.logic.apply(chunk, partition.outputs)

    return app


async def _make_changelog(client: dict[str, Any], topic: str, source: str) -> None:
    async with AIOKafkaConsumer(source, **client) as consumer:
        partitions = len(consumer.partitions_for_topic(source) or ())
    await ensure_topics(client, [TopicSpec(topic, partitions, changelog_config())])


if __name__ == "__main__":
    configure_logging("WARNING", "json")
    run(build(os.environ))
