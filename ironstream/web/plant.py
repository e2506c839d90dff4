"""The plant as the web view sees it: everything that routes ask, kept up with from Kafka alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

from aiokafka.partitioner import murmur2

from ironstream.contract import AlarmTransition, SeriesId, Topic
from ironstream.domain.rules import SeriesRules
from ironstream.errors import BrokerError
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topics import describe
from ironstream.web.alarm_index import AlarmIndex, Told
from ironstream.web.backlog import Backlog
from ironstream.web.board import SAMPLE_EVERY_MS, Board, Rates, make_board
from ironstream.web.declared import DeclaredPlant
from ironstream.web.followed import FollowedAgent, Held, NoIndex
from ironstream.web.heavy import Heavy
from ironstream.web.live import Live
from ironstream.web.log_pages import LogPages
from ironstream.web.log_time import LogTime
from ironstream.web.series_index import SeriesIndex
from ironstream.web.supervised import Supervised
from ironstream.web.topology_state import TopologyState
from tables import windows
from tables.views import TableView

T = TypeVar("T", AlarmIndex, SeriesIndex, NoIndex)
_NOT_KEPT: Final = (windows.CLOSED,)
"""Tables without a bound: a row for every window that may still be restated."""
_BOARD_S: Final = 0.25
_AGAIN_S: Final = 1.0
_COMMANDS: Final = 8
_NEEDED: Final = (
    Topic.TELEMETRY_CLEAN, Topic.ALARMS_CLEAN, Topic.CONFIG_TOPOLOGY, Topic.CONFIG_STATUS,
    Topic.TELEMETRY_RAW, Topic.EVENTS_RAW, Topic.ALARMS_RAW,
)  # fmt: skip


class Plant:
    """Follows a deployment while it is entered. It claims nothing, and writes nothing but operators' commands.

    It may be entered before there is a Kafka, or a worker. `topology` is the log of topologies with those who follow
    it, `live` what is on screens, `pages` reads the log in bounded steps.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.schemas = Schemas(settings.schemas)
        self.log_time = LogTime()
        self.telemetry = FollowedAgent(settings, "telemetry", kept, SeriesIndex, self._declare_in)
        self.events = FollowedAgent(settings, "events", kept, NoIndex)
        self.alarm_state = FollowedAgent(settings, "alarms", kept, AlarmIndex)
        self.agents: Mapping[str, FollowedAgent[Any]] = {
            one.agent: one for one in (self.telemetry, self.events, self.alarm_state)
        }
        self.topology = TopologyState(settings, self.log_time, self._declared)
        self.live = Live(
            settings,
            self.schemas,
            self._tell,
            self.partition_of,
            lambda: self.partitions,
            lambda: self.topology.declared.window_sizes_s,
            self.skew_us,
            lambda: self.now_ms() - self.allowance_ms,
        )
        self.backlog = Backlog(settings)
        self.pages = LogPages(settings, why_not=lambda: self.telemetry.contact.error)
        self.heavy = Heavy()
        self.commands = asyncio.Semaphore(_COMMANDS)
        """Held while an operator's command is under way: each has clients of its own."""
        self.partitions = settings.partitions
        self.overviews: dict[frozenset[str] | None, tuple[float, object]] = {}
        """What all who see the same tenants were told last, and when."""
        self._rates = Rates()
        self._board: tuple[float, SeriesIndex, Board] | None = None
        self._work = Supervised()

    async def __aenter__(self) -> Self:
        for followed in self.agents.values():
            self._work.run(followed.follow, f"state of {followed.agent}")
        self._work.run(self._follow_topics, "topics")
        self._work.run(self._look, "rates")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._work.close()
        await self.pages.close()

    @property
    def down(self) -> list[str]:
        """What is not followed just now beside the state of the agents, of which `agents` says more."""
        contacts = {
            "live": self.live.contact,
            "log of topologies": self.topology.log,
            "statuses": self.topology.statuses,
        }
        lost = {name for name, contact in contacts.items() if contact.error is not None}
        return sorted(lost.union(self._work.down))

    @property
    def ready(self) -> bool:
        """Whether the state of all agents has been read."""
        return all(one.held is not None for one in self.agents.values())

    @property
    def series(self) -> SeriesIndex:
        """All series. Raises BrokerError while they have not been read yet."""
        return _read(self.telemetry).index

    @property
    def alarms(self) -> AlarmIndex:
        """All alarms. Raises BrokerError while they have not been read yet."""
        return _read(self.alarm_state).index

    def held(self, agent: str) -> Held[Any]:
        """The state of an agent. Raises BrokerError while it has not been read yet."""
        return _read(self.agents[agent])

    def board(self) -> Board:
        """The plant at a glance, at most a quarter of a second old. Raises BrokerError as `series` does."""
        index, now_s = self.series, time.monotonic()
        if self._board is not None:
            made_s, of, board = self._board
            # a board that lacks rows of the index is of no use with it
            if of is index and now_s - made_s < _BOARD_S and len(board.state) == len(index):
                return board
        now_ms = self.now_ms()
        board = make_board(index, self._rates.of(index, now_ms, self.allowance_ms), now_ms, self.allowance_ms)
        self._board = now_s, index, board
        return board

    @property
    def commit_age_s(self) -> float | None:
        """Seconds since any worker committed anything, as the tables' markers say; None before the first."""
        ages = [one.commit_age_s(self.now_ms()) for one in self.agents.values()]
        return min((age for age in ages if age is not None), default=None)

    @property
    def uncommitted_s(self) -> float | None:
        """For how many seconds no worker has committed; None while one does. Commits that change no table count."""
        still_s, age_s = self.backlog.still_s(), self.commit_age_s
        if still_s is None or age_s is None:
            return still_s
        return max(still_s, age_s)

    @property
    def allowance_ms(self) -> float:
        """How much older a row may be than what goes on: it is as of a commit, and commits take a while."""
        return 1000 * (2 * self.settings.commit_interval_s + 1)

    def now_ms(self) -> float:
        """The log's clock now (ms since the epoch), as far as it is known."""
        return self.log_time.now_ms()

    def partition_of(self, key: bytes) -> int:
        """Partition of an asset's key in every topic, as Kafka's default partitioner gives it."""
        return int((murmur2(key) & 0x7FFFFFFF) % self.partitions)

    def skew_us(self, series: SeriesId) -> int:
        """How far the clocks of a series may be apart before its readings are marked for it."""
        held = self.telemetry.held
        row = None if held is None else held.index.find(series)
        return (SeriesRules() if held is None or row is None else held.index.rules[row]).times.skew_suspect_us

    @staticmethod
    def keeps(view: TableView) -> bool:
        """Whether all rows of a table are kept here; else the newest are."""
        return view.agent != "telemetry" or view.prefix not in _NOT_KEPT

    def _tell(self, entry: AlarmTransition) -> Told | None:
        held = self.alarm_state.held
        return None if held is None else held.index.tell(entry)

    async def _declared(self, declared: DeclaredPlant) -> None:
        if self.telemetry.held is not None:
            await self.telemetry.held.index.declare_in_steps(declared)
        self._board = None

    async def _declare_in(self, index: SeriesIndex) -> None:
        declared = None
        while declared is not self.topology.declared:
            # another version may come to hold meanwhile
            declared = self.topology.declared
            await index.declare_in_steps(declared)
        self._rates.forget()

    async def _look(self) -> None:
        """Rates are differences: whoever looks first wants some too."""
        while True:
            with suppress(BrokerError):
                self.board()
            await asyncio.sleep(SAMPLE_EVERY_MS / 2000)

    async def _follow_topics(self) -> None:
        """What needs topics begins when they are there: asked for before, some brokers would make them."""
        names = [self.settings.topic(name) for name in _NEEDED]
        while True:
            with suppress(BrokerError):
                found = await describe(self.settings.kafka_client_kwargs(), names)
                if len(found) == len(names):
                    self.partitions = found[names[0]].partitions
                    break
            await asyncio.sleep(_AGAIN_S)
        self._work.run(self.topology.follow_log, "log of topologies")
        self._work.run(self.topology.follow_statuses, "statuses")
        self._work.run(self.live.follow, "live")
        self._work.run(self.backlog.follow, "backlog")


def kept(key: bytes) -> bool:
    """Whether a row of the agents' state is kept, whatever their number."""
    return not key.startswith(_NOT_KEPT)


def _read(followed: FollowedAgent[T]) -> Held[T]:
    if followed.held is None:
        raise BrokerError(
            f"The state of {followed.agent} has not been read from Kafka yet: {followed.contact.error or 'reading'}.",
            "Has a worker run on this Kafka? GET /api/v1/health says how far it is.",
        )
    return followed.held
