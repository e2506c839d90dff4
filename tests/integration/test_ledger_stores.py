"""`ironstream ledger --store` on a real broker, with the real sinks and what they stored."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ironstream.cli import main
from ironstream.contract import Topic
from ironstream.settings import Settings
from tests.support.ledger import Topics, reading
from tests.support.sinks.rig import SinkRig

Answer = Callable[..., Any]
NOW = int(time.time())
READINGS = 40
FLAT = READINGS
"""Offset of the record with two readings."""
UNHEARD_OF = FLAT + 1
"""Offset of a reading of a year that PostgreSQL's sink refuses."""
AGAIN = 3
"""A reading whose clean record was written again after a crash."""


def at(seq: int) -> bytes:
    stamps = {"device_time": NOW - 1000 + seq, "gateway_time": NOW, "kafka_time": NOW * 1000}
    return reading(seq, timestamps=stamps)


def part(parameter: str, value: float) -> bytes:
    stamps = {"device_time": NOW, "gateway_time": NOW, "kafka_time": NOW * 1000}
    return reading(0, parameter=parameter, value=value, timestamps=stamps, metadata=None)


async def write(deployment: Settings) -> None:
    """Readings as a worker makes them clean, one of them twice; a record with two; one that not every sink takes."""
    async with Topics(deployment) as topics:
        for seq in range(1, READINGS + 1):
            await topics.clean(await topics.raw(at(seq)), at(seq))
        await topics.clean(AGAIN, at(AGAIN + 1))
        flat = {"tenant_id": "acme", "site_id": "north", "machine_id": "pump", "ts": NOW,
                "metrics": {"speed": 3.0, "torque": 4.0}}  # fmt: skip
        assert await topics.raw(json.dumps(flat).encode()) == FLAT
        for name, value in flat["metrics"].items():  # type: ignore[attr-defined]  # it is a dict
            await topics.clean(FLAT, part(name, value), name)
        strange = reading(READINGS + 1, timestamps={"device_time": "9500-01-01T00:00:00Z"})
        assert await topics.raw(strange) == UNHEARD_OF
        await topics.clean(UNHEARD_OF, strange)
        await topics.commit(UNHEARD_OF + 1)


@pytest.fixture
async def rig(deployment: Settings, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SinkRig:
    monkeypatch.setenv("IRONSTREAM_SECRET_STORE", store)
    for name in ("bootstrap", "topic_prefix", "application_id", "partitions", "data_dir", "topology"):
        monkeypatch.setenv(f"IRONSTREAM_{name.upper()}", str(getattr(deployment, name)))
    files = {"path": str(tmp_path / "files"), "roll_age_s": 0.2}
    rig = SinkRig(
        deployment,
        [
            {"id": "history", "kind": "postgres", "config": {"dsn": "${secret:store}"}},
            {"id": "archive", "kind": "s3-parquet", "config": files},
            {"id": "bell", "kind": "s3-parquet", "topics": ["alarms.clean"], "config": {"path": str(tmp_path / "b")}},
        ],
    )
    await rig.create()
    return rig


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Runs the command on both stores; its JSON, and what of it is said of each series in each store."""

    async def run(*arguments: str, code: int = 0) -> Any:
        command = ["ledger", "--store", "history", "--store", "archive", *arguments]
        assert await asyncio.to_thread(main, [*command, "--output", "json"]) == code
        said = json.loads(capsys.readouterr().out)
        return said, {
            (series["parameter"], store): {word: count for word, count in told.items() if count}
            for series in said["series"]
            for store, told in series["stores"].items()
        }

    return run


async def stored(rig: SinkRig) -> None:
    """Have both sinks write everything."""
    with rig.process("history") as history, rig.process("archive") as archive:
        ends = await rig.ends(Topic.TELEMETRY_CLEAN)
        deadline = time.monotonic() + 60
        for sink_id, sink in (("history", history), ("archive", archive)):
            while {n: at or 0 for n, at in (await rig.offsets(sink_id, Topic.TELEMETRY_CLEAN)).items()} != ends:
                assert time.monotonic() < deadline, sink.said()[-3000:]
                assert sink.child.poll() is None, sink.said()[-3000:]
                await asyncio.sleep(0.1)


async def test_every_clean_reading_is_told_in_every_store(
    deployment: Settings, rig: SinkRig, store: str, tmp_path: Path, ask: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(deployment)
    _, found = await ask()
    assert found == {
        (parameter, name): {"waiting": count}
        for parameter, count in (("temperature", READINGS + 1), ("speed", 1), ("torque", 1))
        for name in ("history", "archive")
    }

    await stored(rig)
    said, found = await ask()
    assert said["explained"]
    assert found == {
        ("temperature", "history"): {"stored": READINGS, "refused": 1},
        ("temperature", "archive"): {"stored": READINGS + 1},
        ("speed", "history"): {"stored": 1},
        ("speed", "archive"): {"stored": 1},
        ("torque", "history"): {"stored": 1},
        ("torque", "archive"): {"stored": 1},
    }
    assert (await ask("--asset", "acme/north/pump", "--since", "1h"))[1] == found

    # a log of before, whose topics were deleted: its offsets are those of other readings
    columns = "tenant_id, series_id, time, quality, raw_partition, raw_offset"
    earlier, later = (columns.replace("time", f"time {sign} interval '1 ms'") for sign in "-+")
    connection = await asyncpg.connect(store)
    try:
        await connection.execute(
            f"INSERT INTO ironstream.readings ({columns}, kafka_time) SELECT {earlier}, now() - interval '1 day'"
            " FROM ironstream.readings WHERE raw_offset = 7"
        )
        assert (await ask())[1] == found

        # by hand: one is taken away, of the two of a record another one; one is put there again
        await connection.execute("DELETE FROM ironstream.readings WHERE raw_partition = 0 AND raw_offset = 5")
        await connection.execute(
            "DELETE FROM ironstream.readings r USING ironstream.series s"
            " WHERE s.series_id = r.series_id AND s.parameter = 'torque'"
        )
        await connection.execute(
            f"INSERT INTO ironstream.readings ({columns}) SELECT {later}"
            f" FROM ironstream.readings WHERE raw_offset IN (9, {FLAT})"
        )
    finally:
        await connection.close()
    (file,) = (path for path in (tmp_path / "files").rglob("*.parquet") if "year=9500" not in str(path))
    copy = file.with_name(file.name.replace(deployment.topic_prefix, "copy."))
    shutil.copy(file, copy)

    said, found = await ask(code=1)
    assert not said["explained"]
    assert found["temperature", "history"] == {
        "stored": READINGS - 1, "refused": 1, "missing": 1, "doubled": 1,
        "missing_records": ["telemetry.raw/0/5"], "doubled_records": ["telemetry.raw/0/9"],
    }  # fmt: skip
    assert found["torque", "history"] == {"missing": 1, "missing_records": [f"telemetry.raw/0/{FLAT}"]}
    assert found["speed", "history"] == {"stored": 1, "doubled": 1, "doubled_records": [f"telemetry.raw/0/{FLAT}"]}
    assert found["temperature", "archive"]["doubled"] == READINGS
    assert found["torque", "archive"]["doubled"] == 1
    assert await asyncio.to_thread(main, ["ledger", "--store", "history"]) == 1
    shown = capsys.readouterr().out
    assert "acme/north/pump/temperature: telemetry.raw/0/5 is clean and not in history" in shown

    # what the sink has yet to come to is neither, and what is there all the same is
    copy.unlink()
    async with Topics(deployment) as topics:
        await topics.clean(await topics.raw(at(99)), at(99))
        await topics.commit(UNHEARD_OF + 2)
    found = (await ask(code=1))[1]
    assert found["temperature", "archive"] == {"stored": READINGS + 1, "waiting": 1}
    assert found["temperature", "history"]["waiting"] == 1


async def test_what_expired_in_kafka_is_looked_for_and_what_expired_in_the_store_is_explained(
    deployment: Settings, rig: SinkRig, store: str, ask: Answer
) -> None:
    await write(deployment)
    async with Topics(deployment) as topics:
        old = reading(READINGS + 2, timestamps={"device_time": NOW - 3 * 86_400})
        await topics.clean(await topics.raw(old), old)
        await topics.commit(UNHEARD_OF + 2)
        await stored(rig)
        await topics.expire(FLAT + 1)
    said, found = await ask()
    by_name = {series["parameter"]: series for series in said["series"]}
    assert (by_name["temperature"]["expired"], by_name["temperature"]["clean"]) == (READINGS, 2)
    assert found["temperature", "history"] == {"stored": READINGS + 1, "refused": 1}
    assert found["speed", "archive"] == {"stored": 1}

    connection = await asyncpg.connect(store)
    try:
        await connection.execute(
            f"DELETE FROM ironstream.readings WHERE raw_offset < 10 OR raw_offset = {UNHEARD_OF + 1}"
        )
    finally:
        await connection.close()
    assert (await ask(code=1))[1]["temperature", "history"]["missing"] == 11
    text = deployment.topology.read_text()
    kept = text.replace("dsn: ${secret:store}", "dsn: ${secret:store}\n    retention: {readings_days: 2}")
    deployment.topology.write_text(kept)
    found = (await ask(code=1))[1]
    assert (found["temperature", "history"]["missing"], found["temperature", "history"]["expired"]) == (10, 1)


async def test_a_store_that_cannot_be_asked_is_told_before_anything_is_read(
    rig: SinkRig, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, why in (("histroy", "history"), ("bell", "telemetry.clean")):
        assert await asyncio.to_thread(main, ["ledger", "--store", name]) == 2
        assert why in capsys.readouterr().err
