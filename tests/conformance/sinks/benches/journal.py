"""The file of lines that the tests of the process write to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironstream.sinks.sink import SinkKind
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.log import Clean
from tests.support.clean_log import CLEAN
from tests.support.engine import MemoryRecord, record
from tests.support.sinks.journal import JOURNAL, rows_of


class JournalBench(SinkBench):
    kind = "journal"
    topics = CLEAN

    async def start(self) -> None:
        self._away = self.folder / "away"

    def config(self) -> Mapping[str, Any]:
        return {"path": str(self.folder / "rows"), "away": str(self._away)}

    def sink_kind(self) -> SinkKind:
        return JOURNAL

    async def away(self) -> None:
        self._away.touch()

    async def back(self) -> None:
        self._away.unlink(missing_ok=True)

    async def held(self) -> Any:
        return sorted(row[:3] for row in rows_of(self.folder / "rows"))

    def wanted(self, log: Clean) -> Any:
        return places_of(log)

    async def refuse(self) -> tuple[str, MemoryRecord]:
        return "telemetry.clean", record(500, b"k", b'{"parameter": "refuse"}', 0)


def places_of(log: Clean) -> list[tuple[str, int, int]]:
    """Topic, partition and offset of every record."""
    return sorted(
        (topic, partition, record.offset)
        for topic, partitions in log.items()
        for partition, records in partitions.items()
        for record in records
    )
