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
from tests.support.faults.sinks.database import Database, connected, owned_database
from tests.support.faults.sinks.directory import fill_directory
from tests.support.faults.sinks.outage import outage
from tests.support.faults.sinks.plant import SinkPlant
from tests.support.faults.sinks.replay import replay
from tests.support.faults.sinks.targets import LakeStore, PostgresStore, Store
from tests.support.faults.sinks.web import S3_FAULTS, ApiStore, late_upload, s3_behind_proxy, s3_fault
from tests.support.http_target import HttpTarget, Reply

POINTS = get_args(SinkPoint)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that may be broken."""
    async with EmbeddedPostgres(tmp_path / "postgres") as server:
        yield server


def both(dsn: str, folder: Path) -> list[Store]:
    return [PostgresStore("store", dsn), LakeStore("lake", folder / "lake")]


async def test_a_sink_may_die_at_any_step_of_a_write(deployment: Settings, store: str, tmp_path: Path) -> None:
    points = list(zip(POINTS, (2, 4, 3, 2), strict=True))
    async with SinkPlant(deployment, both(store, tmp_path), seed=1) as plant:
        async with plant.producing(120):
            await asyncio.gather(*(faults.die_at(plant, sink_id, points) for sink_id in plant.stores))
        print(await plant.finish())


async def test_processes_that_are_killed_sleep_come_and_go_leave_no_trace(
    deployment: Settings, store: str, tmp_path: Path
) -> None:
    async def play(sink_id: str) -> None:
        await faults.join_and_leave(plant, sink_id, in_order=sink_id == "store")
        await faults.kill(plant, sink_id, 3)
        await faults.sleep_past_session(plant, sink_id)

    async with SinkPlant(deployment, both(store, tmp_path), seed=2) as plant:
        async with plant.producing(120):
            await asyncio.gather(*(play(sink_id) for sink_id in plant.stores))
        print(await plant.finish())


async def test_what_happens_to_a_database_or_a_directory_costs_no_row_and_doubles_none(
    deployment: Settings, database: EmbeddedPostgres, tmp_path: Path
) -> None:
    async def to_database() -> None:
        server = Database(plant, store, database)
        await outage(plant, "store", database, 3.0)
        await server.cut_connections()
        await server.stop(0.5, killed=True)
        await server.lock(killed=False)
        await server.lock(killed=True)
        await server.take_privilege()
        await server.fill_disk()

    async def to_directory() -> None:
        await fill_directory(plant, lake)
        await faults.kill(plant, "lake")
        await fill_directory(plant, lake)

    dsn = await owned_database(database, "victim")
    store, lake = PostgresStore("store", dsn, most=34.0), LakeStore("lake", tmp_path / "lake")
    await store.constrain()
    async with SinkPlant(deployment, [store, lake], seed=3) as plant:
        async with plant.producing(120):
            await asyncio.gather(to_database(), to_directory())
        print(await plant.finish())
    assert not [path for path in lake.root.rglob("*") if path.is_file() and path.suffix not in (".parquet", ".json")]


async def test_what_happens_on_the_way_to_a_bucket_or_an_api_costs_no_record_and_doubles_none(
    deployment: Settings, tmp_path: Path
) -> None:
    async def to_bucket() -> None:
        for fault in S3_FAULTS:
            await s3_fault(plant, "bucket", s3.proxy, fault)
        await late_upload(plant, "bucket", s3.proxy)

    async def to_api() -> None:
        await faults.kill(plant, "api")
        target.next += [Reply(cut=True)] * 3
        await plant.works("api")
        await faults.die_at(plant, "api", [("after_write", 3)])

    async with s3_behind_proxy() as s3, HttpTarget() as target:
        api = ApiStore("api", target, seed=5)
        async with SinkPlant(deployment, [s3.store("bucket", tmp_path / "bucket", "faults"), api], seed=4) as plant:
            async with plant.producing(120):
                await asyncio.gather(to_bucket(), to_api())
            api.restless = False
            print(await plant.finish())


async def test_a_replay_of_everything_leaves_the_same_rows_and_the_verdict_sees_what_is_wrong(
    deployment: Settings, store: str, tmp_path: Path
) -> None:
    database, lake = PostgresStore("store", store), LakeStore("lake", tmp_path / "lake")
    async with SinkPlant(deployment, [database, lake], seed=6) as plant:
        await plant.produce(2_000)
        print(await plant.finish())
        files = {path: path.read_bytes() for path in lake.root.rglob("*.parquet")}
        await replay(plant)
        print(await plant.verdict())
        assert {path: path.read_bytes() for path in lake.root.rglob("*.parquet")} == files

        async with connected(store) as connection:
            await connection.execute("DELETE FROM store.readings WHERE seq = (SELECT min(seq) FROM store.readings)")
            await connection.execute("UPDATE store.aggregates_1min SET avg = avg + 1e-9")
            await connection.execute(
                "INSERT INTO store.events (tenant_id, id, time, site_id, asset_id, type)"
                " SELECT tenant_id, id || 'x', time, site_id, asset_id, type FROM store.events"
            )
        first, second, *_ = sorted(files)
        first.with_name(first.name.replace("0.parquet", "9.parquet")).write_bytes(files[first])
        second.unlink()
        database.most = 30.0
        with pytest.raises(AssertionError) as wrong:
            await plant.verdict()
    for subject in (
        "postgres store readings: missing",
        "postgres store readings: nobody sent it",
        "postgres store aggregates: differs",
        "postgres store events: nobody sent it",
        "doubled",
        "files lake",
        "store: refused, and no dead letter",
    ):
        assert subject in str(wrong.value)
