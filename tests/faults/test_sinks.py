"""Sinks lose nothing and double nothing: short forms (longer: `make faults-sinks`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest

from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.engine.crashpoints import SinkPoint
from ironstream.settings import Settings
from tests.support.faults.sinks import faults
from tests.support.faults.sinks.database import Database, owned_database
from tests.support.faults.sinks.plant import LakeStore, PostgresStore, SinkPlant, Store

POINTS = get_args(SinkPoint)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that may be broken."""
    async with EmbeddedPostgres(tmp_path / "postgres") as server:
        yield server


def store_of(kind: str, sink_id: str, dsn: str, folder: Path) -> Store:
    return PostgresStore(sink_id, dsn) if kind == "postgres" else LakeStore(sink_id, folder / sink_id)


@pytest.mark.parametrize("kind", ["postgres", "s3-parquet"])
async def test_a_sink_may_die_at_any_step_of_a_write(
    deployment: Settings, store: str, tmp_path: Path, kind: str
) -> None:
    visits = dict(zip(POINTS, (2, 5, 3, 2), strict=True))
    stores = [store_of(kind, f"dies-{point}", store, tmp_path) for point in POINTS]
    async with SinkPlant(deployment, stores, seed=1, dsn=store) as plant:
        async with plant.producing():
            dying = [plant.start(f"dies-{point}", f"{point}:{visits[point]}") for point in POINTS]
            for process in dying:
                assert await process.ended() == -9, process.said()
            plant.start_all()
            await plant.all_work()
        print(await plant.finish())


async def test_processes_that_are_killed_sleep_come_and_go_leave_no_trace(
    deployment: Settings, store: str, tmp_path: Path
) -> None:
    stores = [store_of("postgres", "store", store, tmp_path), store_of("s3-parquet", "lake", store, tmp_path)]

    async def play(sink_id: str) -> None:
        await faults.kill(plant, sink_id)
        await faults.sleep_past_session(plant, sink_id)
        await faults.join_and_leave(plant, sink_id, in_order=sink_id == "store")

    async with SinkPlant(deployment, stores, seed=2, dsn=store) as plant:
        async with plant.producing(300):
            await asyncio.gather(*(play(sink_id) for sink_id in plant.stores))
        print(await plant.finish())


async def test_what_happens_to_the_database_costs_no_row_and_doubles_none(
    deployment: Settings, database: EmbeddedPostgres
) -> None:
    dsn = await owned_database(database, "victim")
    store = PostgresStore("store", dsn, most=34.0)
    await store.constrain()
    async with SinkPlant(deployment, [store], seed=3, dsn=dsn) as plant:
        server = Database(plant, store, database)
        async with plant.producing(300):
            await server.stop(0.5, killed=False)
            await server.cut_connections()
            await server.stop(0.5, killed=True)
            await server.lock(killed=False)
            await server.lock(killed=True)
            await server.take_privilege()
            await server.fill_disk()
        print(await plant.finish())
