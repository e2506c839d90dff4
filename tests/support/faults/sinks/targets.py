"""Targets of sinks as they are declared, and how they are held against the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.sink import SinkContext
from tests.support.faults.compare import Differences
from tests.support.faults.sinks.ledger import Logged, Place, expected_of
from tests.support.faults.sinks.load import TOPICS
from tests.support.faults.sinks.stores import compare_lake, compare_postgres


class Store(Protocol):
    """The target of one sink: how it is declared, and whether it holds what it must."""

    id: str

    @property
    def secrets(self) -> Mapping[str, str]:
        """Values by name."""

    def declaration(self) -> Mapping[str, Any]:
        """The sink as topology.yaml has it."""

    async def compare(self, log: Sequence[Logged], differences: Differences) -> tuple[int, set[Place]]:
        """Hold it against the log: how much it holds, and which records must be dead letters."""


class PostgresStore:
    """A schema of its own in a database; `most`: a constraint of somebody's own refuses readings above it."""

    def __init__(self, sink_id: str, dsn: str, most: float = inf, **config: Any) -> None:
        self.id = sink_id
        self.secrets: Mapping[str, str] = {sink_id: dsn}
        self.most = most
        self.schema = sink_id.replace("-", "_")
        self.dsn = dsn
        self._config = {
            "dsn": f"${{secret:{sink_id}}}", "schema": self.schema, "connect_timeout_s": 2.0, "statement_timeout_s": 2.0
        } | config  # fmt: skip

    def declaration(self) -> Mapping[str, Any]:
        rows = {"batch_rows": 300, "batch_age_s": 0.2, "write_timeout_s": 10.0}
        return {"id": self.id, "kind": "postgres", "topics": list(TOPICS), "config": self._config} | rows

    async def constrain(self) -> None:
        """Make the tables, and the constraint, before the first row comes."""
        config = PostgresConfig.model_validate(self._config | {"dsn": self.dsn})
        sink = PostgresSink(config, SinkContext(self.id))
        await sink.connect()
        await sink.close()
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(
                f"ALTER TABLE {self.schema}.readings ADD CONSTRAINT plausible CHECK (value <= {self.most})"
            )
        finally:
            await connection.close()

    async def compare(self, log: Sequence[Logged], differences: Differences) -> tuple[int, set[Place]]:
        wanted = expected_of(log, "postgres", self.most)
        return await compare_postgres(self.dsn, self.schema, wanted, differences), wanted.refused


class LakeStore:
    """A directory of Parquet files. `fetch` brings those of a bucket there before they are looked at."""

    def __init__(
        self,
        sink_id: str,
        root: Path,
        fetch: Callable[[Path], None] | None = None,
        secrets: Mapping[str, str] | None = None,
        **config: Any,
    ) -> None:
        self.id = sink_id
        self.root = root
        self.secrets = secrets or {}
        self._fetch = fetch
        self._config = {"path": str(root), "roll_rows": 300, "roll_age_s": 0.5} | config

    def declaration(self) -> Mapping[str, Any]:
        return {"id": self.id, "kind": "s3-parquet", "topics": list(TOPICS), "config": self._config}

    async def compare(self, log: Sequence[Logged], differences: Differences) -> tuple[int, set[Place]]:
        if self._fetch is not None:
            await asyncio.to_thread(self._fetch, self.root)
        wanted = expected_of(log, "s3-parquet")
        return await asyncio.to_thread(compare_lake, self.root, self.id, wanted, differences), wanted.refused
