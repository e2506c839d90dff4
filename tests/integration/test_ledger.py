"""`ironstream ledger` on a real broker."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ironstream.cli import main
from ironstream.ledger.read import LedgerReader
from ironstream.settings import Settings
from tests.support.faults.deployment import Deployment
from tests.support.faults.oracle import oracle_of
from tests.support.ledger import Topics, reading

Answer = Callable[..., Any]


@pytest.fixture
def ask(deployment: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Runs the command on the deployment; its JSON."""
    for name in ("bootstrap", "topic_prefix", "application_id", "partitions", "data_dir", "topology"):
        monkeypatch.setenv(f"IRONSTREAM_{name.upper()}", str(getattr(deployment, name)))

    def run(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["ledger", *arguments, "--output", "json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def test_a_clean_reading_that_was_lost_is_found_and_explained_once_it_is_there(
    deployment: Settings, ask: Answer
) -> None:
    lost = 4

    async def write() -> None:
        async with Topics(deployment) as topics:
            for seq in range(1, 9):
                offset = await topics.raw(reading(seq))
                if offset == 6:
                    await topics.refuse(offset, reading(seq), b"range")
                elif offset != lost:
                    await topics.clean(offset, reading(seq))
            await topics.raw(reading(2))
            await topics.refuse(await topics.raw(b"{"), b"{", b"malformed")
            await topics.clean(0, reading(1))  # a repeat after a crash
            await topics.commit(10)
            await topics.raw(reading(9))

    asyncio.run(write())
    found = ask(code=1)
    (series,) = found["series"]
    assert (series["sent"], series["raw"], series["missing"], series["pending"]) == (9, 10, 0, 1)
    assert (series["clean"], series["duplicate"], series["refused"]) == (6, 1, {"range": 1})
    assert series["unexplained"] == [f"telemetry.raw/0/{lost}"]
    assert found["unreadable"]["refused"] == {"malformed": 1}

    async def mend() -> None:
        async with Topics(deployment) as topics:
            await topics.clean(lost, reading(lost + 1))

    asyncio.run(mend())
    assert ask()["explained"]
    assert ask("--asset", "acme/north/pump")["series"][0]["clean"] == 7
    assert ask("--asset", "acme/north/other")["series"] == []


def test_a_number_that_never_came_is_missing(deployment: Settings, ask: Answer) -> None:
    async def write() -> None:
        async with Topics(deployment) as topics:
            for seq in (1, 2, 5):
                await topics.clean(await topics.raw(reading(seq)), reading(seq))
            await topics.commit(3)

    asyncio.run(write())
    (series,) = ask(code=1)["series"]
    assert (series["sent"], series["raw"], series["missing"]) == (5, 3, 2)
    assert series["runs"] == [{"boot": "b1", "highest_seq": 5, "holes": [[3, 4]]}]


def test_a_number_that_a_gateway_gave_up_is_explained(deployment: Settings, ask: Answer) -> None:
    async def write() -> None:
        async with Topics(deployment) as topics:
            for seq in (1, 2, 5):
                await topics.clean(await topics.raw(reading(seq)), reading(seq))
            await topics.commit(3)
            for _ in range(2):  # it was sent twice
                await topics.give_up((3, 4), (6, 8))

    asyncio.run(write())
    (series,) = ask()["series"]
    assert (series["sent"], series["raw"], series["overflow"], series["missing"]) == (8, 3, 5, 0)
    assert ask("--asset", "acme/north/pump")["series"][0]["overflow"] == 5
    assert ask("--asset", "acme/north/other")["series"] == []


def test_expired_raw_records_are_explained_by_their_clean_readings(deployment: Settings, ask: Answer) -> None:
    async def write() -> None:
        async with Topics(deployment) as topics:
            for seq in range(1, 7):
                offset = await topics.raw(reading(seq))
                if seq == 2:
                    await topics.refuse(offset, reading(seq), b"range")
                else:
                    await topics.clean(offset, reading(seq))
            await topics.raw(reading(1))
            await topics.commit(7)
            await topics.expire(3)

    asyncio.run(write())
    (series,) = ask()["series"]
    assert (series["expired"], series["raw"], series["clean"], series["duplicate"]) == (3, 4, 3, 1)
    assert (series["sent"], series["missing"]) == (6, 0)


def test_since_a_moment_a_repeat_of_what_stood_before_it_is_still_a_repeat(deployment: Settings, ask: Answer) -> None:
    async def write() -> str:
        async with Topics(deployment) as topics:
            for seq in (1, 2, 3):
                await topics.clean(await topics.raw(reading(seq)), reading(seq))
            await asyncio.sleep(1.1)
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            await topics.clean(await topics.raw(reading(4)), reading(4))
            await topics.raw(reading(2))
            await topics.commit(5)
            return since

    (series,) = ask("--since", asyncio.run(write()))["series"]
    assert (series["raw"], series["clean"], series["duplicate"]) == (2, 1, 1)
    assert ask("--since", "1h")["series"][0]["clean"] == 4


async def test_where_too_much_stood_before_a_moment_what_is_missing_is_not_decided(deployment: Settings) -> None:
    async with Topics(deployment) as topics:
        for seq in (1, 2, 3):
            await topics.raw(reading(seq))
        await asyncio.sleep(0.01)
        since_ms = time.time_ns() // 1_000_000
        await topics.raw(reading(5))
        await topics.commit(4)

    async def undecided(most_before: int) -> bool:
        reader = LedgerReader(deployment, None, since_ms, lambda what, done, total: None, most_before)
        await reader.read()
        return reader.undecided

    assert await undecided(2)
    assert not await undecided(3)


@pytest.mark.parametrize("arguments", [["--asset", "pump"], ["--asset", "a/b c/d"], ["--since", "yesterday"]])
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    assert main(["ledger", *arguments]) == 2


async def test_of_what_a_worker_made_of_a_hard_load_every_reading_is_explained(
    deployment: Settings, tmp_path: Path, ask: Answer
) -> None:
    plant = Deployment(deployment, assets=5, seed=4, logs=tmp_path)
    try:
        async with plant.load():
            plant.start_worker()
            await plant.processing()
            await plant.processing()
        await plant.drain()
        await plant.stop_workers()
    finally:
        plant.close()
    found = await asyncio.to_thread(ask)

    oracle = oracle_of(5, {})
    for record in await plant.read("telemetry.raw"):
        oracle.feed(record)
    tallies: Counter[str] = Counter()
    clean: Counter[str] = Counter()
    for series in found["series"]:
        name = f"{series['asset']}/{series['parameter']}"
        clean[name] = series["clean"]
        tallies.update(clean=series["clean"], duplicate=series["duplicate"], sent=series["sent"] - series["missing"])
        tallies.update(refused=sum(series["refused"].values()))
    expected = oracle.expected
    assert clean == Counter(judged.reading.series for judged in expected.clean.values())
    assert tallies["duplicate"] == len(expected.duplicates)
    assert tallies["sent"] == len(plant.ledger.readings())
    assert found["explained"]
