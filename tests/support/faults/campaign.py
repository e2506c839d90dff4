"""The long form of the fault tests: a seeded schedule of faults, round after round, each round judged by the oracle.

`make faults SEED=1 DURATION=600` runs it for that many seconds; the same seed deals the same cards. Every fault that
can be survived is a card of the deck. In each 600 s at least 21 kills of workers, a kill and a stop of the broker, and
a round on three brokers are played, even if that takes longer; the rest is played as far as the time goes. Each round
ends with everything healed, drained and compared.
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
from functools import partial
from math import ceil
from pathlib import Path
from typing import Final, get_args

from ironstream.embedded import EmbeddedKafka
from ironstream.engine.crashpoints import WorkerPoint
from ironstream.settings import Settings
from tests.support.faults import clusters, disks, faults, logs
from tests.support.faults.cluster import EmbeddedCluster
from tests.support.faults.deployment import Deployment

ROUND_S: Final = 150.0
HAND_S: Final = 600.0
ASSETS: Final = 32
PARTITIONS: Final = 4
_KILLS: Final = 3
_KILL_CARDS: Final = 7
_OF_BROKERS: Final = ("broker", "leader", "controller")

Fault = Callable[[Deployment, EmbeddedKafka], Awaitable[None]]


@dataclass(frozen=True)
class Card:
    """One fault of the schedule. `due` ones are played even when the time is over."""

    name: str
    play: Fault
    due: bool = False


def deal(rnd: random.Random) -> list[Card]:
    """The faults of 600 s on one broker, in the order in which they are played."""
    cards = [_kills(rnd.randint(0, 2)) for _ in range(_KILL_CARDS)]
    cards += [
        Card("kill the broker", lambda on, kafka: faults.kill_broker(on, kafka, 1), due=True),
        Card("stop the broker", faults.stop_broker, due=True),
        Card("no room for the broker", disks.fill_broker_disk),
        Card("a second worker", lambda on, _: faults.join_and_leave(on, 2)),
        Card("stop and continue a worker", lambda on, _: faults.stop_and_continue(on)),
        Card("rebalance storm", lambda on, _: faults.rebalance_storm(on, 15.0)),
        Card("damage to local copies", lambda on, _: disks.damage_state(on)),
        Card("no room for a worker", lambda on, _: disks.fill_worker_disk(on)),
        Card("compaction", lambda on, _: logs.compact_changelog(on)),
    ]
    for point in get_args(WorkerPoint):
        cards.append(_crash(point, rnd.randint(1, 3) if point in ("in_restore", "in_revoke") else rnd.randint(1, 30)))
    rnd.shuffle(cards)
    return cards


def _kills(delete_state_every: int) -> Card:
    async def play(on: Deployment, _: EmbeddedKafka) -> None:
        await faults.kill_workers(on, _KILLS, delete_state_every=delete_state_every)

    return Card(f"kill the worker {_KILLS} times, state deleted every {delete_state_every or 'n'}th", play, due=True)


def _crash(point: str, visit: int) -> Card:
    async def play(on: Deployment, _: EmbeddedKafka) -> None:
        await faults.crash_at(on, point, visit)

    return Card(f"die {point}:{visit}", play)


class Campaign:
    """Rounds until the time is over and everything due has been played."""

    def __init__(self, seed: int, duration_s: float, folder: Path) -> None:
        self._seed = seed
        self._duration_s = duration_s
        self._started = time.monotonic()
        self._folder = folder
        self._rnd = random.Random(seed)
        self._deck: deque[Card] = deque()
        self._hands_left = ceil(duration_s / HAND_S)
        self.rounds = 0
        self.failed = 0
        self.sent = 0
        self.workers = 0
        self.faults: Counter[str] = Counter()

    async def run(self) -> bool:
        """Play; True when every round agreed with the oracle."""
        async with EmbeddedKafka(self._folder / "kafka", heap_mb=256) as kafka:
            while self._goes_on():
                await kafka.start()
                await self._round(kafka.bootstrap, 1, lambda on: self._play(on, kafka))
                if self.rounds % 4 == 1:
                    await kafka.stop()
                    async with EmbeddedCluster(self._folder / f"cluster-{self.rounds}") as cluster:
                        await self._round(cluster.bootstrap, 3, partial(_on_cluster, cluster=cluster))
        print(self._totals(), flush=True)
        return not self.failed

    def _over(self) -> bool:
        return time.monotonic() - self._started > self._duration_s

    def _goes_on(self) -> bool:
        return not self._over() or self._hands_left > 0 or any(card.due for card in self._deck)

    def _next(self) -> Card | None:
        """The next card; None when nothing is left that must be played and the time is over."""
        while True:
            if not self._deck:
                if self._over() and self._hands_left <= 0:
                    return None
                self._deck.extend(deal(self._rnd))
                self._hands_left -= 1
            card = self._deck.popleft()
            if card.due or not self._over():
                return card

    async def _play(self, on: Deployment, kafka: EmbeddedKafka) -> None:
        end = time.monotonic() + ROUND_S
        while time.monotonic() < end and (card := self._next()) is not None:
            print(f"  {card.name}", flush=True)
            await card.play(on, kafka)

    async def _round(self, bootstrap: str, replication: int, play: Callable[[Deployment], Awaitable[None]]) -> None:
        """One deployment under faults, then healed and judged."""
        self.rounds += 1
        seed = self._seed * 1000 + self.rounds
        folder = self._folder / f"round-{self.rounds}"
        folder.mkdir(parents=True)
        settings = Settings(
            bootstrap=bootstrap,
            topic_prefix=f"round-{self.rounds}.",
            application_id=f"round-{self.rounds}",
            partitions=PARTITIONS,
            replication=replication,
            # little memory: local copies are written all the time; much: they lag behind the changelog
            store_cache_mb=2 if self.rounds % 2 else 64,
            data_dir=folder / "data",
            topology=folder / "topology.yaml",
        )
        print(f"round {self.rounds}, seed {seed}, {replication} broker(s)", flush=True)
        on = Deployment(settings, assets=ASSETS, seed=seed, logs=folder)
        try:
            async with on.load():
                await play(on)
                on.only_worker()
                await on.processing()
            await on.drain()
            await on.stop_workers()
            print(f"  {await on.verdict()}", flush=True)
        except Exception as err:  # whatever it is, the round has failed and the others are played
            self.failed += 1
            print(f"FAILED: {type(err).__name__}: {err}", flush=True)
        finally:
            on.close()
            self.faults.update(on.faults)
            self.sent += len(on.ledger.entries)
            self.workers += len(on.workers)

    def _totals(self) -> str:
        brokers = sum(count for name, count in self.faults.items() if any(one in name for one in _OF_BROKERS))
        kills = self.faults["kill -9 of the worker"]
        listed = ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{listed}\nlogs and state: {self._folder}\n"
            f"seed {self._seed}, {time.monotonic() - self._started:.0f} s: {self.rounds} rounds, {self.failed} failed; "
            f"{sum(self.faults.values())} faults, {kills} kills of workers, {brokers} faults of brokers; "
            f"{self.workers} workers, {self.sent} records sent"
        )


async def _on_cluster(on: Deployment, cluster: EmbeddedCluster) -> None:
    for name, fault in (("kill the leader", clusters.kill_leader), ("kill the controller", clusters.kill_controller)):
        print(f"  {name}", flush=True)
        await fault(on, cluster)
    print("  kill the worker", flush=True)
    await faults.kill_workers(on, 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--duration", type=float, default=HAND_S, help="seconds")
    given = parser.parse_args()
    # A broker that is away is what we do to it: aiokafka would say so for every request.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="ironstream-faults-"))
    sys.exit(0 if asyncio.run(Campaign(given.seed, given.duration, folder).run()) else 1)


if __name__ == "__main__":
    main()
