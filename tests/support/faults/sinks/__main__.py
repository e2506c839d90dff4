"""The long form of the fault tests of sinks: a seeded schedule of faults, round after round, each held against the log.

`make faults-sinks SEED=7 DURATION=600` runs it for that many seconds; the same seed deals the same cards. In each round
four sinks store one log: PostgreSQL, a directory, a bucket, an API; faults meet them at the same time. A round ends
with a kill of the broker, everything healed, written and compared, every second one with a replay. Before them a
database is away for 20 s (`--long`: 10 min) while the log of its sink grows.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from ironstream.embedded import EmbeddedKafka
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.engine.crashpoints import SinkPoint
from ironstream.settings import Settings
from tests.support.faults.sinks import faults
from tests.support.faults.sinks.database import Database, owned_database
from tests.support.faults.sinks.directory import fill_directory
from tests.support.faults.sinks.outage import outage
from tests.support.faults.sinks.plant import SinkPlant
from tests.support.faults.sinks.replay import replay
from tests.support.faults.sinks.targets import LakeStore, PostgresStore, Store
from tests.support.faults.sinks.web import S3, S3_FAULTS, ApiStore, late_upload, s3_behind_proxy, s3_fault
from tests.support.http_target import HttpTarget

ROUND_S: Final = 90.0
READINGS_PER_S: Final = 100
_ROLL_S: Final = 1.5
_OUTAGE_S: Final = 20.0
_LONG_OUTAGE_S: Final = 600.0
_BURST: Final = 70_000
_SINKS: Final = ("store", "lake", "bucket", "api")


@dataclass(frozen=True, slots=True)
class Field:
    """What a round is played on."""

    plant: SinkPlant
    database: Database
    lake: LakeStore
    kafka: EmbeddedKafka
    server: EmbeddedPostgres
    s3: S3


@dataclass(frozen=True, slots=True)
class Card:
    """One fault of the schedule."""

    name: str
    play: Callable[[Field], Awaitable[object]]


def deal(rnd: random.Random, sink: str) -> list[Card]:
    """Every fault that a sink can meet once, in the order in which they are played."""
    cards = [
        _die(sink, point, rnd.randint(1, 8)) for point in get_args(SinkPoint) if point != "in_write" or sink != "api"
    ]
    cards += [
        _of_process(f"{sink}: kill -9", sink, lambda on, sink: faults.kill(on, sink, 2)),
        _of_process(f"{sink}: sleep past the session", sink, faults.sleep_past_session),
        _joins(sink, in_order=rnd.random() < 0.5),
    ]
    if sink == "store":
        cards += [
            Card("stop of the database", lambda on: on.database.stop(rnd.uniform(0.0, 5.0), killed=False)),
            Card("kill -9 of the database", lambda on: on.database.stop(rnd.uniform(0.0, 5.0), killed=True)),
            Card("connections cut", lambda on: on.database.cut_connections()),
            Card("table locked", lambda on: on.database.lock(killed=False)),
            Card("table locked, the sink killed", lambda on: on.database.lock(killed=True)),
            Card("privilege taken", lambda on: on.database.take_privilege()),
            Card("no room for the database", lambda on: on.database.fill_disk()),
        ]
    if sink == "lake":
        cards.append(Card("no room for the files", lambda on: fill_directory(on.plant, on.lake)))
    if sink == "bucket":
        cards += [_s3(name) for name in S3_FAULTS]
        cards.append(Card("an upload that arrives late", lambda on: late_upload(on.plant, "bucket", on.s3.proxy)))
    rnd.shuffle(cards)
    return cards


def _die(sink: str, point: str, visit: int) -> Card:
    return Card(f"{sink}: die {point}:{visit}", lambda on: faults.die_at(on.plant, sink, [(point, visit)]))


def _of_process(name: str, sink: str, play: Callable[[SinkPlant, str], Awaitable[None]]) -> Card:
    return Card(name, lambda on: play(on.plant, sink))


def _joins(sink: str, *, in_order: bool) -> Card:
    return Card(f"{sink}: a second process", lambda on: faults.join_and_leave(on.plant, sink, in_order=in_order))


def _s3(name: str) -> Card:
    return Card(name, lambda on: s3_fault(on.plant, "bucket", on.s3.proxy, name))


async def _kill_broker(on: Field) -> None:
    await on.plant.all_work()
    on.kafka.kill()
    await on.kafka.start()
    on.plant.faults["kill -9 of the broker"] += 1
    # a sink that gave up is started again, as whoever runs it would do
    deadline = time.monotonic() + 60.0
    for sink in on.plant.stores:
        while True:
            on.plant.start_all()
            try:
                await on.plant.works(sink, 10.0)
                break
            except AssertionError:
                assert time.monotonic() < deadline, on.plant.last_words(sink)


class Campaign:
    """Rounds until the time is over."""

    def __init__(self, seed: int, duration_s: float, folder: Path) -> None:
        self._seed = seed
        self._duration_s = duration_s
        self._folder = folder
        # a deck for each sink, which are played beside each other
        self._decks = {sink: (random.Random(f"{seed} {sink}"), deque[Card]()) for sink in _SINKS}
        self._started = time.monotonic()
        self.rounds = self.failed = self.sent = 0
        self.faults: Counter[str] = Counter()

    async def run(self, *, long: bool) -> bool:
        """Play; True when every round left what the log says."""
        async with (
            EmbeddedKafka(self._folder / "kafka", heap_mb=256) as kafka,
            EmbeddedPostgres(self._folder / "postgres") as server,
            s3_behind_proxy() as s3,
        ):
            await self._outage(kafka, server, _LONG_OUTAGE_S if long else _OUTAGE_S)
            self._started = time.monotonic()
            while self._left_s() > 0 or not self.rounds:
                await kafka.start()
                await server.start()
                await self._round(kafka, server, s3)
        print(self._totals(), flush=True)
        return not self.failed

    def _left_s(self) -> float:
        return self._duration_s - (time.monotonic() - self._started)

    def _settings(self, kafka: EmbeddedKafka, name: str) -> Settings:
        folder = self._folder / name
        folder.mkdir()
        return Settings(
            bootstrap=kafka.bootstrap,
            topic_prefix=f"{name}.",
            application_id=name,
            partitions=4,
            data_dir=folder / "data",
            topology=folder / "topology.yaml",
        )

    async def _round(self, kafka: EmbeddedKafka, server: EmbeddedPostgres, s3: S3) -> None:
        self.rounds += 1
        name, seed = f"round{self.rounds}", self._seed * 1000 + self.rounds
        settings = self._settings(kafka, name)
        print(f"round {self.rounds}, seed {seed}", flush=True)
        store = PostgresStore("store", await owned_database(server, name), most=34.0)
        await store.constrain()
        folder = settings.data_dir.parent
        lake = LakeStore("lake", folder / "lake", roll_age_s=_ROLL_S)
        async with HttpTarget() as target:
            api = ApiStore("api", target, seed)
            stores: list[Store] = [
                store,
                lake,
                s3.store("bucket", folder / "bucket", name, roll_age_s=_ROLL_S),
                api,
            ]
            async with SinkPlant(settings, stores, seed) as plant:
                try:
                    async with plant.producing(READINGS_PER_S):
                        plant.start_all()
                        await plant.all_work()
                        await self._play(Field(plant, Database(plant, store, server), lake, kafka, server, s3))
                    api.restless = False
                    print(f"  {await plant.finish()}", flush=True)
                    if self.rounds % 2:
                        await replay(plant)
                        print(f"  after a replay: {await plant.verdict()}", flush=True)
                except Exception as err:  # whatever it is, the round has failed and the others are played
                    self.failed += 1
                    print(f"FAILED: {type(err).__name__}: {err}", flush=True)
                finally:
                    self.faults.update(plant.faults)
                    self.sent += plant.sent

    async def _play(self, on: Field) -> None:
        end = time.monotonic() + min(ROUND_S, max(self._left_s(), 1.0))
        async with asyncio.TaskGroup() as lanes:
            for sink in _SINKS:
                lanes.create_task(self._play_lane(on, sink, end))
        await _kill_broker(on)

    async def _play_lane(self, on: Field, sink: str, end: float) -> None:
        rnd, deck = self._decks[sink]
        while time.monotonic() < end:
            if not deck:
                deck.extend(deal(rnd, sink))
            card, began = deck.popleft(), time.monotonic()
            await card.play(on)
            print(f"  {card.name} ({time.monotonic() - began:.1f} s)", flush=True)

    async def _outage(self, kafka: EmbeddedKafka, server: EmbeddedPostgres, seconds: float) -> None:
        """A sink alone, so that what it takes is its own."""
        store = PostgresStore("store", await owned_database(server, "away"))
        async with SinkPlant(self._settings(kafka, "away"), [store], self._seed) as plant:
            async with plant.producing(READINGS_PER_S * 2):
                await outage(plant, "store", server, seconds, _BURST)
            print(f"  {await plant.finish()}", flush=True)
            self.faults.update(plant.faults)
            self.sent += plant.sent

    def _totals(self) -> str:
        listed = ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{listed}\nlogs and files: {self._folder}\n"
            f"seed {self._seed}, {time.monotonic() - self._started:.0f} s: {self.rounds} rounds, {self.failed} failed; "
            f"{sum(self.faults.values())} faults, {self.sent} records sent"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds")
    parser.add_argument("--long", action="store_true", help="the outage lasts ten minutes")
    given = parser.parse_args()
    # What is away is what we do to it: clients would say so for every request.
    for name in ("aiokafka", "werkzeug", "aiohttp.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="ironstream-faults-sinks-"))
    sys.exit(0 if asyncio.run(Campaign(given.seed, given.duration, folder).run(long=given.long)) else 1)


if __name__ == "__main__":
    main()
