"""The state of one agent, followed: committed rows of all partitions, kept up with while the process lives."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from ironstream.engine.changelog import Marker, Row
from ironstream.engine.replica import Replica
from ironstream.engine.replica_copy import ForeignCopyError
from ironstream.settings import Settings
from ironstream.topics import changelog_topic
from ironstream.web.contact import Contact
from ironstream.web.keys import KeyIndex
from ironstream.web.local_copy import LocalCopy, StateCopy

_LOG = structlog.get_logger(__name__)
_AT_ONCE_BYTES: Final = 128 * 1024
"""Of each partition, taken without letting requests in between."""
MOST_RECENT: Final = 20_000
"""Rows of tables without a bound."""
_AT_ONCE_ROWS: Final = 2000
_POLL_MS: Final = 100
_PROBE_EVERY_S: Final = 2.0
_PROBE_TIMEOUT_S: Final = 3.0


class Index(Protocol):
    """What is known of rows beside their bytes, kept up with as they change."""

    def take(self, changed: Iterable[tuple[int, Row]]) -> None:
        """Take rows that became final, each with its partition, in their order."""


class NoIndex:
    """Nothing beside the keys."""

    def take(self, changed: Iterable[tuple[int, Row]]) -> None:
        """Nothing."""


IndexT = TypeVar("IndexT", bound=Index)


@dataclass(frozen=True, slots=True)
class Held(Generic[IndexT]):
    """A replica with its indexes, all of the same state.

    Of rows that the replica does not keep, those with the newest changes are here.
    """

    replica: Replica
    keys: KeyIndex
    index: IndexT
    keep: Callable[[bytes], bool] = lambda key: True
    _recent: OrderedDict[tuple[int, bytes], bytes] = field(default_factory=OrderedDict)

    def take(self, changed: list[tuple[int, Row]]) -> None:
        """Take rows that became final."""
        self.keys.take(changed)
        self.index.take(changed)
        for partition, (key, value) in changed:
            if not self.keep(key):
                self._recent.pop((partition, key), None)
                if value is not None:
                    self._recent[partition, key] = value
        while len(self._recent) > MOST_RECENT:
            (partition, key), _ = self._recent.popitem(last=False)
            self.keys.take([(partition, (key, None))])

    def recent(self) -> list[tuple[int, bytes, bytes]]:
        """Rows that the replica does not keep, the newest change last."""
        return [(partition, key, value) for (partition, key), value in self._recent.items()]

    def row(self, partition: int, key: bytes) -> bytes | None:
        """A row; None where it is gone."""
        found = self.replica.rows.get(partition, {}).get(key)
        return self._recent.get((partition, key)) if found is None else found


class FollowedAgent(Generic[IndexT]):
    """Follows the changelog of an agent while it is entered; `held` is None until it was read to its end once.

    Kafka may be away, then and later: what is held stays, and is caught up with when it is back. Only a replica that
    cannot go on is made anew, and takes the place of the old one when it has caught up.
    """

    def __init__(
        self,
        settings: Settings,
        agent: str,
        keep: Callable[[bytes], bool],
        index: Callable[[], IndexT],
        on_held: Callable[[IndexT], Awaitable[None]] | None = None,
    ) -> None:
        """`keep` says of which keys rows are kept, `index` makes that of a new replica; `on_held` is told of one that
        is about to take the place of another.
        """
        self.agent = agent
        self.held: Held[IndexT] | None = None
        self.contact = Contact()
        self.lag_records = 0
        self._settings = settings
        self._keep = keep
        self._index = index
        self._on_held = on_held
        self._topic = settings.topic(changelog_topic(agent))
        self._local = LocalCopy(settings.data_dir / "web", self._topic)

    async def follow(self) -> None:
        """Follow for ever. Run as a task."""
        await self.contact.keep(self._follow, f"state of {self.agent}")

    async def _follow(self) -> None:
        try:
            await self._one_replica()
        except ForeignCopyError as error:
            self._local.discard()
            _LOG.warning("copy_discarded", agent=self.agent, error=str(error))

    def commits(self) -> dict[int, tuple[Marker, int]]:
        """The last commit of each partition, and its offset."""
        return {} if self.held is None else self.held.replica.commits()

    def commit_age_s(self, now_ms: float) -> float | None:
        """Seconds from the newest commit to `now_ms`; None before the first."""
        newest = max((marker.time_ms for marker, _ in self.commits().values()), default=None)
        return None if newest is None else max(0.0, (now_ms - newest) / 1000)

    async def _one_replica(self) -> None:
        copy = await self._local.load()
        partitions = copy.partitions if copy else None
        client = self._settings.kafka_client_kwargs()
        async with Replica(client, self._topic, self._keep, _AT_ONCE_BYTES, partitions) as replica:
            held = Held(replica, KeyIndex(self.agent), self._index(), self._keep)
            await _fill(held, copy)
            probe = _Probe(replica)
            # the first end of the log that it tells: once that is passed, what is seen is a whole state
            first: dict[TopicPartition, int] | None = None
            try:
                while True:
                    held.take(await replica.poll(_POLL_MS))
                    ends = self._probed(probe)
                    if ends is not None:
                        first = first or ends
                        self.lag_records = await replica.left(ends)
                    if first is not None and self.held is not held and not await replica.left(first):
                        if self._on_held is not None:
                            await self._on_held(held.index)
                        self.held = held
                    if self.held is held and self._local.due:
                        await self._keep_copy(held)
            finally:
                await probe.stop()
                if self.held is held:
                    await self._keep_copy(held)

    async def _keep_copy(self, held: Held[IndexT]) -> None:
        await self._local.save(held.replica.copy(), held.recent())

    def _probed(self, probe: _Probe) -> dict[TopicPartition, int] | None:
        try:
            ends = probe.ask()
        except (KafkaError, OSError, TimeoutError) as error:
            self.contact.lost(error)
            return None
        if ends is not None:
            self.contact.heard()
        return ends


async def _fill(held: Held[IndexT], copy: StateCopy | None) -> None:
    """The indexes of what a replica begins with."""
    for partition, rows in held.replica.rows.items():
        items = iter(rows.items())
        while some := list(islice(items, _AT_ONCE_ROWS)):
            held.take([(partition, row) for row in some])
            await asyncio.sleep(0)
    for partition, key, value in copy.recent if copy else ():
        # a partition that is read from its beginning brings its own
        if held.replica.rows.get(partition):
            held.take([(partition, (key, value))])


class _Probe:
    """Asks now and then where the log ends, beside the reading: a consumer says nothing when its broker is away."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._due_s = 0.0
        self._asking: asyncio.Task[dict[TopicPartition, int]] | None = None

    def ask(self) -> dict[TopicPartition, int] | None:
        """The ends, each once, when there is an answer. Raises what became of the question instead of one."""
        if self._asking is None:
            if time.monotonic() >= self._due_s:
                self._due_s = time.monotonic() + _PROBE_EVERY_S
                self._asking = asyncio.create_task(self._ends())
            return None
        if not self._asking.done():
            return None
        asked, self._asking = self._asking, None
        return asked.result()

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ends(self) -> dict[TopicPartition, int]:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            return await self._replica.ends()
