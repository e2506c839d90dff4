"""The long form of the fault tests: random faults, round after round, each round judged by the oracle.

`make faults SEED=1 DURATION=600` runs it for that many seconds; the same seed chooses the same faults.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args

from ironstream.embedded import EmbeddedKafka
from ironstream.engine.crashpoints import CrashPoint
from ironstream.settings import Settings
from tests.support.faults import faults
from tests.support.faults.deployment import Deployment

ROUND_S = 150.0
ASSETS = 75
PARTITIONS = 4


def choose(rnd: random.Random, on: Deployment, kafka: EmbeddedKafka) -> tuple[str, Callable[[], Awaitable[None]]]:
    """The next fault: its name and what does it."""
    point = rnd.choice(get_args(CrashPoint))
    visit = rnd.randint(1, 4) if point in ("in_restore", "in_revoke") else rnd.randint(1, 40)
    possible: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("kill the worker", lambda: faults.kill_workers(on, rnd.randint(2, 5), delete_state_every=rnd.randint(0, 2))),
        ("a second worker", lambda: faults.join_and_leave(on, rnd.randint(1, 3))),
        ("stop and continue", lambda: faults.stop_and_continue(on)),
        ("kill the broker", lambda: faults.kill_broker(on, kafka, rnd.randint(1, 2))),
        (f"die {point}:{visit}", lambda: faults.crash_at(on, point, visit)),
        (f"die {point}:{visit}", lambda: faults.crash_at(on, point, visit)),
    ]
    return rnd.choice(possible)


def settings_of(number: int, kafka: EmbeddedKafka, folder: Path) -> Settings:
    """Settings of a round, in a folder of its own."""
    folder.mkdir(parents=True)
    return Settings(
        bootstrap=kafka.bootstrap,
        topic_prefix=f"round-{number}.",
        application_id=f"round-{number}",
        partitions=PARTITIONS,
        data_dir=folder / "data",
        topology=folder / "topology.yaml",
    )


async def one_round(number: int, seed: int, until: float, kafka: EmbeddedKafka, folder: Path) -> str:
    """One deployment under faults until `until` (monotonic), then healed; returns the summary of its verdict."""
    settings = settings_of(number, kafka, folder)
    rnd = random.Random(seed)
    on = Deployment(settings, assets=ASSETS, seed=seed, logs=folder)
    try:
        async with on.load():
            await faults.kill_workers(on, 1)
            while time.monotonic() < until:
                name, fault = choose(rnd, on, kafka)
                print(f"  {name}", flush=True)
                await fault()
            on.only_worker()
            await on.processing()
        await on.drain()
        await on.stop_workers()
        return await on.verdict()
    finally:
        on.close()


async def campaign(seed: int, duration_s: float, folder: Path) -> bool:
    """Rounds until the time is over; True when every one of them agreed with the oracle."""
    end = time.monotonic() + duration_s
    number, failed = 0, 0
    async with EmbeddedKafka(folder / "kafka") as kafka:
        while number == 0 or time.monotonic() < end:
            number += 1
            round_seed = seed * 1000 + number
            print(f"round {number}, seed {round_seed}", flush=True)
            try:
                until = min(end, time.monotonic() + ROUND_S)
                print(await one_round(number, round_seed, until, kafka, folder / f"round-{number}"), flush=True)
            except AssertionError as err:
                failed += 1
                print(f"FAILED: {err}", flush=True)
    print(f"{number} rounds, {failed} failed; logs and state: {folder}", flush=True)
    return not failed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds")
    given = parser.parse_args()
    # A broker that is away is what we do to it: aiokafka would say so for every request.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="ironstream-faults-"))
    sys.exit(0 if asyncio.run(campaign(given.seed, given.duration, folder)) else 1)


if __name__ == "__main__":
    main()
