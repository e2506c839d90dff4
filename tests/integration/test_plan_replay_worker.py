"""A replay of a recording makes what a worker made of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from ironstream.contract import Topic
from ironstream.engine.api import Headers
from ironstream.settings import Settings
from ironstream.topology import load_topology
from ironstream.whatif.pairs import BEFORE
from ironstream.whatif.replay import replay
from ironstream.whatif.tally import Tally
from tests.support.faults.deployment import Deployment

_LETTERS = (Topic.DLQ_TELEMETRY, Topic.DLQ_EVENTS, Topic.DLQ_ALARMS)
_COUNTED = (Topic.EVENTS_CLEAN, Topic.ALARMS_CLEAN, Topic.AUDIT_TRAIL, *_LETTERS)


def _name(topic: str, value: bytes | None, headers: Mapping[str, bytes]) -> tuple[str, ...]:
    """What a record is, whichever run made it."""
    if topic == Topic.ALARMS_CLEAN:
        said = json.loads(value or b"{}")
        return topic, *(str(said[part]) for part in ("alarm_id", "transition", "state", "time", "value", "actor"))
    parts = ("ironstream-id", "dlq-reason", "dlq-partition", "dlq-offset")
    return topic, *(headers.get(part, b"").decode() for part in parts)


class _KeptTally(Tally):
    """One that keeps what there was."""

    made: ClassVar[Counter[tuple[str, ...]]] = Counter()

    def take(self, side: int, topic: str, value: bytes | None, headers: Headers) -> None:
        if side == BEFORE:
            self.made[_name(topic, value, dict(headers))] += 1
        super().take(side, topic, value, headers)


async def test_a_replay_makes_what_a_worker_made(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad readings, late ones, commands, shelving, suppressed assets and all, each in its place."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("ironstream.whatif.replay.Tally", _KeptTally)
    monkeypatch.setattr(_KeptTally, "made", Counter())
    plant = Deployment(deployment, assets=4, seed=3, logs=tmp_path)
    topology = load_topology(plant.settings.topology)
    windows = [Topic.aggregates(window.size_s) for window in topology.windows]
    lived: Counter[tuple[str, ...]] = Counter()
    try:
        async with plant.load():
            plant.start_worker()
            await plant.processing()
            await asyncio.sleep(6)
        await plant.drain()
        await plant.stop_workers()
        for topic in (*_COUNTED, *windows):
            lived.update(_name(topic, record.value, record.headers) for record in await plant.read(topic))
        clean = await plant.read(Topic.TELEMETRY_CLEAN)
    finally:
        plant.close()

    found = await replay(plant.settings, topology, topology, timedelta(hours=1), lambda *_: None)

    assert found.same
    assert found.clean.readings.before == len(clean)
    qualities = Counter(json.loads(record.value or b"{}")["quality"] for record in clean)
    assert {name: counts.before for name, counts in found.clean.qualities.items()} == qualities
    missing, more = lived - _KeptTally.made, _KeptTally.made - lived
    # a command that came within moments of a reading may be on the other side of the condition that this raised
    assert {topic for topic, *_ in missing} <= {Topic.ALARMS_CLEAN}
    assert missing.total() < 0.2 * sum(count for (topic, *_), count in lived.items() if topic == Topic.ALARMS_CLEAN)
    # the last ticks, which the worker had written and not read when it was stopped, may have closed and expired some
    assert {topic for topic, *_ in more} <= {*windows, Topic.ALARMS_CLEAN}
    assert more.total() < 0.1 * lived.total(), more
    assert {topic for topic, *_ in lived} >= {Topic.ALARMS_CLEAN, Topic.EVENTS_CLEAN, Topic.DLQ_TELEMETRY, windows[0]}
