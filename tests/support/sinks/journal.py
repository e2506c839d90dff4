"""A sink whose target is a file: every row is a line, once by its id, as a database with a key would have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from ironstream.engine.api import Chunk
from ironstream.log import configure_logging
from ironstream.settings import load_settings
from ironstream.sinks import registry
from ironstream.sinks.classes import class_of
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal, SinkContext, SinkKind, SinkUnavailableError
from ironstream.topology.model.base import Part

Row = tuple[str, int, int, str]


class JournalConfig(Part):
    path: str = Field(description="File of the rows.")
    away: str | None = Field(default=None, description="While this file exists, the target is away.")
    rows: int = Field(default=500, description="Rows of a cut.")
    age_s: float = Field(default=0.1, description="Age of a cut.")
    by_partition: bool = Field(default=False, description="A cut for each partition.")


class JournalSink:
    """Refuses what says `"refuse"` as its parameter."""

    def __init__(self, config: JournalConfig, context: SinkContext) -> None:
        self._config = config
        self._path = Path(config.path)

    @property
    def limits(self) -> Limits:
        by: Any = "partition" if self._config.by_partition else "topic"
        return Limits(rows=self._config.rows, age_s=self._config.age_s, by=by)

    def prepare(self, chunk: Chunk) -> Prepared[list[Row]]:
        rows, places, refusals = [], [], []
        for place, record in enumerate(chunk.records):
            try:
                body = json.loads(record.value or b"")
            except (ValueError, RecursionError) as err:
                refusals.append(Refusal(place, "malformed", str(err)))
                continue
            if not isinstance(body, dict):
                refusals.append(Refusal(place, "malformed", "not an object"))
                continue
            rows.append((chunk.topic, chunk.partition, record.offset, str(body.get("parameter", ""))))
            places.append(place)
        return Prepared(rows, np.asarray(places, np.int64), 100 * len(rows), refusals)

    async def connect(self) -> None:
        self._reach()
        self._path.touch()

    def _reach(self) -> None:
        if self._config.away and Path(self._config.away).exists():
            raise SinkUnavailableError("the journal is away", "bring it back")

    async def write(self, cut: Cut[list[Row]]) -> Sequence[Refusal]:
        self._reach()
        known = set(rows_of(self._path))
        rows = [row for part in cut.parts for row in part.prepared.rows]
        refusals = [Refusal(at, "refused", "its parameter") for at, row in enumerate(rows) if row[3] == "refuse"]
        with self._path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows if row[3] != "refuse" and row not in known)
        return refusals

    async def close(self) -> None:
        """The file is closed after each write."""


def rows_of(path: Path) -> list[Row]:
    """What the target has: its whole lines, for a process that writes may stand in the middle of one."""
    text = path.read_text() if path.exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [(row[0], row[1], row[2], row[3]) for row in map(json.loads, lines)]


JOURNAL = SinkKind(JournalConfig, JournalSink, lambda topic: class_of(topic) is not None, "a file of lines")


def run(sink_id: str) -> None:
    """Be the process of a sink, of this kind or any other, with the settings of the environment."""
    registry._KINDS["journal"] = "tests.support.sinks.journal:JOURNAL"
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    from ironstream.sink_process import run_sink

    run_sink(sink_id, settings)
