"""A plant of the web view in memory: rows as the agents write them, without a Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
from aiokafka.partitioner import murmur2

from ironstream.domain.alarms import Alarm, AlarmKey, Cause
from ironstream.domain.series import NEVER, SERIES_STATE
from ironstream.engine.changelog import Marker, Row
from ironstream.engine.replica import Replica
from ironstream.settings import Settings
from ironstream.topology import check_text, compile_topology
from ironstream.web.alarm_index import AlarmIndex
from ironstream.web.app import build_web
from ironstream.web.contact import Contact
from ironstream.web.declared import DeclaredPlant, declared_of
from ironstream.web.followed import Held, NoIndex
from ironstream.web.keys import KeyIndex
from ironstream.web.options import WebOptions
from ironstream.web.plant import Plant, kept
from ironstream.web.series_index import SeriesIndex
from tables.alarms import ALARMS
from tables.clock import CLOCK, CLOCK_ROW, Clock
from tables.series import SERIES

NOW_MS = 1_800_000_000_000
PARTITIONS = 4
Changed = list[tuple[int, Row]]


class MemoryReplica:
    """The rows and commits of an agent."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[bytes, bytes]] = {number: {} for number in range(PARTITIONS)}
        self.marked = {number: (Marker(7, 100, 1, NOW_MS - 500), 1234) for number in range(PARTITIONS)}

    def commits(self) -> dict[int, tuple[Marker, int]]:
        return self.marked


NO_DATA = Path(__file__).parent / "no-data"
"""Is not there: no token of whoever runs the tests counts."""


class MemoryPlant(Plant):
    """A plant whose state is put in by hand; its clock stands at NOW_MS until it is moved."""

    def __init__(self, topology: str = "version: 1\n") -> None:
        super().__init__(Settings(partitions=PARTITIONS, commit_interval_s=2.0, data_dir=NO_DATA))
        self.clock_ms = float(NOW_MS)
        self.topology.declared = declared(topology)
        series = SeriesIndex()
        series.declare(self.topology.declared)
        for followed, index in ((self.telemetry, series), (self.events, NoIndex()), (self.alarm_state, AlarmIndex())):
            replica = cast(Replica, MemoryReplica())
            followed.held = Held(replica, KeyIndex(followed.agent), cast(Any, index), kept)
            followed.contact = Contact(lambda: 0.0)
            followed.contact.heard()
        for contact in (self.live.contact, self.topology.log, self.topology.statuses, self.backlog.contact):
            contact.heard()

    def now_ms(self) -> float:
        return self.clock_ms

    def put(self, agent: str, changed: Changed) -> None:
        """Rows that became final."""
        held = self.agents[agent].held
        assert held is not None
        for partition, (key, value) in changed:
            if value is None:
                held.replica.rows[partition].pop(key, None)
            elif kept(key):
                held.replica.rows[partition][key] = value
        held.take(changed)
        self._board = None

    def hear(self, *rows: tuple[int, Row]) -> None:
        """Rows of series, with a commit that is up to now."""
        clocks = [
            (number, (CLOCK.key(CLOCK_ROW), CLOCK.pack(Clock(int(self.clock_ms))))) for number in range(PARTITIONS)
        ]
        self.put("telemetry", [*rows, *clocks])


def declared(topology: str) -> DeclaredPlant:
    checked = check_text(topology.encode())
    assert checked.topology is not None, checked.faults
    return declared_of(compile_topology(checked.topology, 1))


def partition_of(name: str) -> int:
    key = "/".join(name.split("/")[:3]).encode()
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


def series_row(name: str, value: float = 1.0, age_s: float = 0.2, quality: int = 0, **fields: Any) -> tuple[int, Row]:
    """The row of a series whose last reading came `age_s` before NOW_MS."""
    state = np.zeros(1, SERIES_STATE)
    heard_us = NOW_MS * 1000 - round(age_s * 1_000_000)
    for field in ("good_time", "held_since"):
        state[field] = NEVER
    state["watermark"] = state["last_append"] = state["last_time"] = heard_us
    state["last_value"], state["last_quality"] = value, quality
    for field, given in fields.items():
        state[field] = given
    return partition_of(name), (SERIES.prefix + name.encode(), SERIES.pack(state, 0))


def alarm_row(asset: str, rule: str, **fields: Any) -> tuple[int, Row]:
    """The row of an alarm on an asset (tenant/site/asset)."""
    alarm = alarm_of(asset, rule, **fields)
    return partition_of(asset), (ALARMS.key(alarm.key.alarm_id), ALARMS.pack(alarm))


def alarm_of(asset: str, rule: str, **fields: Any) -> Alarm:
    tenant, site, name = asset.split("/")
    key = AlarmKey(tenant, site, name, "overheat", f"rule:{rule}", "temperature")
    given: dict[str, Any] = {
        "occurrence_id": "o1", "transition": 1, "state": "ACTIVE", "condition": True, "severity": 3, "count": 1,
        "raised_us": NOW_MS * 1000, "cause": Cause("telemetry.raw", 0, 5, rule, 1), "message": "hot",
    }  # fmt: skip
    return Alarm(key=key, **(given | fields))


@asynccontextmanager
async def client_of(plant: Plant) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over this plant."""
    app = build_web(plant.settings, WebOptions())
    app.state.plant = plant
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1") as client:
        yield client


def many(names: Iterable[str]) -> Changed:
    return [series_row(name) for name in names]
