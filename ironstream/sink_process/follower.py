"""Follows the log of topologies for one sink: what is to run, and whether a version could."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from ironstream.errors import BrokerError, ConfigurationError, DecodeError, IronstreamError
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import start_with_file
from ironstream.rollout.participant import Participant
from ironstream.rollout.records import Change, Proposal, Version
from ironstream.settings import Settings
from ironstream.sink_process.app import Built, build_sink
from ironstream.sink_process.declared import Declared, declared_in, unknown_sink, was_ever_declared
from ironstream.sinks.registry import SINKS
from ironstream.topics import ensure_all_topics
from ironstream.topology import Topology, parse_sources
from ironstream.topology.sources import Sources

log = structlog.get_logger(__name__)

_AGAIN_S: Final = 2.0
_REFUSED_AGAIN_S: Final = 5.0

BeforeSecrets = Callable[[Settings, Topology], None]
"""Is given each topology before its secrets are looked up, and may put some of them into the environment."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a change has come to: the sink ready to run, or why it does not (`idle`)."""

    change: int
    version: int
    built: Built | None
    idle: str = ""


class SinkFollower:
    """Begin, then follow for as long as the process runs. Whoever runs the sink does what is `wanted`.

    A version that could not run is refused, and what was wanted before stays. One whose secrets are missing is tried
    again: they may come. While Kafka is away nothing changes, and then all that was missed at once.
    """

    wanted: Wanted
    """Set by `begin`."""

    def __init__(self, sink_id: str, settings: Settings, before_secrets: BeforeSecrets | None = None) -> None:
        self.refused: str | None = None
        self.other = asyncio.Event()
        """Set when something else is to run than before; cleared by whoever sees to it."""
        self._sink_id = sink_id
        self._settings = settings
        self._before_secrets = before_secrets
        self._newest = 0
        self._reached: Wanted | None = None
        self._again_at_s: float | None = None

    async def begin(self) -> None:
        """Find what is to run by the version that holds; where none does yet, the topology file becomes the first.

        Creates the topics that are missing. Raises BrokerError when Kafka cannot be reached, ConfigurationError for a
        version that cannot be used, a sink that none has ever declared, and secrets that are not there.
        """
        await ensure_all_topics(self._settings, ())
        async with TopologyLog(self._settings) as topologies:
            await start_with_file(topologies, self._settings.topology, "sink", sinks=SINKS)
            change, version = topologies.history.current, topologies.history.version
            assert change is not None
            assert version is not None
            topology = await _parsed(version)
            declared = declared_in(topology, self._sink_id, SINKS)
            versions = sorted(topologies.history.versions.values(), key=lambda one: -one.number)
            if declared.part is None and not await asyncio.to_thread(was_ever_declared, versions, self._sink_id):
                raise unknown_sink(self._sink_id, topology, version.number)
        await ensure_all_topics(self._settings, [window.size_s for window in topology.windows])
        self.wanted = Wanted(change.number, version.number, await self._built(declared, topology), declared.idle)
        self._newest = change.number

    def reached(self, wanted: Wanted) -> None:
        """Call when what was wanted is so."""
        if wanted.built is self.wanted.built:
            self._reached = wanted

    async def follow(self, me: Participant) -> None:
        """Follow until cancelled, and tell the deployment what holds here."""
        while True:
            try:
                async with TopologyLog(self._settings) as topologies:
                    while True:
                        await self._look(topologies)
                        self._say(me)
                        for entry in await topologies.poll():
                            if isinstance(entry, Proposal):
                                me.answer(entry.id, await self._why_not(topologies.history.versions[entry.version]))
            except (KafkaError, BrokerError, OSError) as error:
                log.warning("the log of topologies cannot be read, it is tried again", error=str(error))
                await asyncio.sleep(_AGAIN_S)

    async def _look(self, topologies: TopologyLog) -> None:
        change, version = topologies.history.current, topologies.history.version
        if change is None or version is None:
            return
        now_s = asyncio.get_running_loop().time()
        again = self._again_at_s is not None and now_s >= self._again_at_s
        if change.number > self._newest or again:
            await self._take(change, version)

    async def _take(self, change: Change, version: Version) -> None:
        try:
            topology = await _parsed(version)
            declared = declared_in(topology, self._sink_id, SINKS)
            same = declared.running is not None and self._runs(declared)
            built = self.wanted.built if same else await self._built(declared, topology)
        except IronstreamError as error:
            self._refuse(change, version, error)
            return
        if not same and built is not None:
            await ensure_all_topics(self._settings, [window.size_s for window in topology.windows])
        before, self._newest, self.refused, self._again_at_s = self.wanted, change.number, None, None
        self.wanted = Wanted(change.number, version.number, built, declared.idle)
        if built is not before.built:
            log.info("another declaration of the sink holds", version=version.number, change=change.number)
            self._reached = None
            self.other.set()

    def _refuse(self, change: Change, version: Version, error: IronstreamError) -> None:
        if (change.number, error.message) != (self._newest, self.refused):
            log.error(
                "the version is refused, and the sink goes on as before",
                version=version.number, change=change.number, error=error.message, hint=error.hint,
            )  # fmt: skip
        self._newest, self.refused = change.number, error.message
        self._again_at_s = asyncio.get_running_loop().time() + _REFUSED_AGAIN_S

    async def _why_not(self, version: Version) -> str | None:
        """What keeps this sink from running by a version."""
        try:
            topology = await _parsed(version)
            declared = declared_in(topology, self._sink_id, SINKS)
            if not self._runs(declared):
                await self._built(declared, topology)
        except IronstreamError as error:
            return error.message
        return None

    def _runs(self, declared: Declared) -> bool:
        """Whether this declaration is the one that is wanted already."""
        now = None if self.wanted.built is None else self.wanted.built.running
        return declared.running == now

    async def _built(self, declared: Declared, topology: Topology) -> Built | None:
        if declared.running is None:
            return None
        if self._before_secrets is not None:
            await asyncio.to_thread(self._before_secrets, self._settings, topology)
        return await build_sink(declared.running, topology, self._settings)

    def _say(self, me: Participant) -> None:
        # a change is dealt with once the sink runs by it, and not while it is still stopping
        if self._reached is not None:
            me.say(change=self._newest, version=self.wanted.version, refused=self.refused)


async def _parsed(version: Version) -> Topology:
    """The topology of a version. Raises ConfigurationError where this release cannot use it."""
    name = Path(f"version {version.number}")
    try:
        sources = Sources.unpacked(version.packed)
        return await asyncio.to_thread(parse_sources, sources, name, sinks=SINKS)
    except DecodeError as error:
        raise ConfigurationError(f"{name}: {error.message}", "Apply it again.") from error
