"""A database of its own on a real server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from ironstream.domain.times import to_us
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.sinks.postgres.kind import POSTGRES
from ironstream.sinks.sink import SinkKind
from tests.conformance.sinks.benches.bench import SinkBench, ids_of
from tests.conformance.sinks.log import Clean, whole_log
from tests.support.clean_log import CLEAN
from tests.support.engine import MemoryRecord, record

_SQL = {
    "readings": "SELECT raw_partition, raw_offset, parameter FROM ironstream.telemetry",
    "windows": "SELECT window_end - window_start, asset_id, window_start, revision FROM ironstream.agg_{}",
    "events": "SELECT id FROM ironstream.events",
    "journal": "SELECT occurrence_id, transition FROM ironstream.alarm_journal",
    "alarms": "SELECT occurrence_id, transition, state FROM ironstream.alarms",
}
_SIZES = {"telemetry.1s": "1s", "telemetry.10s": "10s", "telemetry.1min": "1min"}


class PostgresBench(SinkBench):
    kind = "postgres"
    topics = CLEAN

    def __init__(self, folder: Path, stack: AsyncExitStack, server: EmbeddedPostgres) -> None:
        super().__init__(folder, stack)
        self._server = server
        self._dsn = server.dsn
        self._url = urlsplit(self._dsn)

    async def start(self) -> None:
        name = f"t{uuid.uuid4().hex[:12]}"
        await self._run(f"CREATE DATABASE {name}", self._server.dsn)
        self.stack.push_async_callback(self._run, f"DROP DATABASE {name} WITH (FORCE)", self._server.dsn)
        self._dsn = self._server.dsn_of(name)
        self._url = urlsplit(self._dsn)
        self._port = await self.through_proxy(self._url.port or 0)
        self.secrets = (str(self._url.password),)

    async def _run(self, statement: str, dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        await connection.close()

    def config(self) -> Mapping[str, Any]:
        return {
            "host": "127.0.0.1", "port": self._port, "database": self._url.path[1:], "user": self._url.username,
            "password": self._url.password, "connect_timeout_s": 5.0,
        }  # fmt: skip

    def sink_kind(self) -> SinkKind:
        return POSTGRES

    async def held(self) -> Any:
        connection = await asyncpg.connect(self._dsn)
        try:
            found = {
                name: sorted(tuple(row) for row in await connection.fetch(sql))
                for name, sql in _SQL.items()
                if name != "windows"
            }
            for topic, size in _SIZES.items():
                rows = await connection.fetch(_SQL["windows"].format(size))
                found[topic] = sorted((row[1], row[2].timestamp(), row[3]) for row in rows)
            return found
        finally:
            await connection.close()

    def wanted(self, log: Clean) -> Any:
        everything = {topic: [one for records in parts.values() for one in records] for topic, parts in log.items()}
        said = {topic: [json.loads(one.value or b"") for one in records] for topic, records in everything.items()}
        readings = [
            (*map(int, name.split("/")[1:3]), body["parameter"])
            for name, body in zip(ids_of(everything["telemetry.clean"]), said["telemetry.clean"], strict=True)
        ]
        journal = [(body["occurrence_id"], body["transition"], body["state"]) for body in said["alarms.clean"]]
        wanted = {
            "readings": sorted(readings),
            "events": sorted((one,) for one in ids_of(everything["events.clean"])),
            "journal": sorted(one[:2] for one in journal),
            "alarms": sorted({occurrence: (occurrence, *rest) for occurrence, *rest in sorted(journal)}.values()),
        }
        for topic in _SIZES:
            highest: dict[tuple[str, float], int] = {}
            for body in said[topic]:
                key = (body["asset_id"], to_us(body["window_start"]) / 1e6)
                highest[key] = max(highest.get(key, 0), body["revision"])
            wanted[topic] = sorted((*key, revision) for key, revision in highest.items())
        return wanted

    async def refuse(self) -> tuple[str, MemoryRecord]:
        await self._run("ALTER TABLE ironstream.readings ADD CHECK (value IS DISTINCT FROM 666)", self._dsn)
        good = whole_log()["telemetry.clean"][0][0]
        said = json.loads(good.value or b"") | {"value": 666.0}
        headers = [("ironstream-id", b"telemetry.raw/0/500")]
        return "telemetry.clean", record(500, b"k", json.dumps(said).encode(), 0, headers)
