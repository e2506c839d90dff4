"""The topology that holds for a deployment, as a gateway follows it; kept on disk for when Kafka is away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError

from ironstream.contract import DEFAULT_PART, Topic
from ironstream.errors import DecodeError
from ironstream.gateway.processes.proposals import faults_of
from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.gateway.secrets import Places, SecretPlaces
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import start_with_file
from ironstream.rollout.participant import Participant, process_name
from ironstream.rollout.records import Proposal, Version
from ironstream.settings import Settings
from ironstream.topology import AdapterModels, SinkSorts, Topology, TopologyError
from ironstream.topology.canary import parse_version
from ironstream.topology.sources import unpacked

_LOG = structlog.get_logger(__name__)
_CONNECT_S: Final = 10.0
_decoder: Final[msgspec.json.Decoder[Version]] = msgspec.json.Decoder(Version)


class LoggedTopology:
    """Follows `config.topology`. The last good version is in the file `kept`, and holds until Kafka is there.

    Where the log has none yet, the topology file `first`, if it is there, becomes the first. The `gateway` (None: one
    that runs every pipeline) says on config.status what it holds, and whether it could take what is proposed.
    """

    def __init__(
        self,
        settings: Settings,
        adapters: AdapterModels,
        kept: Path,
        *,
        gateway: str | None = None,
        places: Places | None = None,
        first: Path | None = None,
        sinks: SinkSorts | None = None,
    ) -> None:
        self.current: TopologyVersion | None = None
        self.refused: str | None = None
        self._settings = settings
        self._adapters = adapters
        self._sinks = sinks
        self._kept = kept
        self._gateway = gateway
        self._places = places or SecretPlaces.from_environment()
        self._me: Participant | None = None
        self._applied: int | None = None
        self._change: int | None = None
        self._faults: str | None = None
        self._first = first
        self._log: TopologyLog | None = None
        self._refused_number: int | None = None

    @property
    def where(self) -> str:
        """See TopologySource."""
        return f"{self._settings.topic(Topic.CONFIG_TOPOLOGY)} on {self._settings.bootstrap}"

    async def load(self) -> TopologyVersion | None:
        """See TopologySource: what holds now; while Kafka is away, what held last."""
        found = await self.look()
        if found is None and self._log is not None and self._first is not None and self._first.exists():
            await start_with_file(self._log, self._first, "gateway", self._adapters, self._sinks)
            found = await self.look()
        if found is None and self._log is None and (kept := self._read_kept()) is not None:
            _LOG.warning("kafka_is_away_so_the_last_version_holds", version=kept.number)
            found = await self._check(kept)
        return found

    async def look(self, *, whatever: bool = False) -> TopologyVersion | None:
        """See TopologySource. While Kafka is away nothing is new."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                log = await self._connected()
                news = await log.poll(0)
        except (KafkaError, OSError, TimeoutError):
            await self._disconnect()
            return None
        for entry in news:
            if isinstance(entry, Proposal):
                await self._answer(entry, log.history.versions[entry.version])
        self._say()
        version = log.history.version
        if version is None or (self.current is not None and version.number == self.current.number):
            self.refused = self._refused_number = None
            return None
        if version.number == self._refused_number and not whatever:
            return None
        self._refused_number = version.number
        try:
            found = await self._check(version)
        except TopologyError as error:
            self.refused = error.message
            self._say()
            raise
        await asyncio.to_thread(self._keep, version)
        return found

    def applied(self, faults: Sequence[str]) -> None:
        """See TopologySource."""
        self._applied = None if self.current is None else self.current.number
        self._faults = "\n".join(faults) or None
        self._say()

    async def close(self) -> None:
        """See TopologySource."""
        if self._me is not None:
            me, self._me = self._me, None
            await me.__aexit__()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._log is not None:
            log, self._log = self._log, None
            await log.__aexit__()

    async def _connected(self) -> TopologyLog:
        if self._log is None:
            self._log = await TopologyLog(self._settings).__aenter__()
        if self._me is None:
            name = f"{self._gateway or DEFAULT_PART} on {process_name()}"
            self._me = await Participant(self._settings, "gateway", name).__aenter__()
        return self._log

    async def _answer(self, proposal: Proposal, version: Version) -> None:
        assert self._me is not None
        try:
            topology = await self._parsed(version)
        except (TopologyError, DecodeError) as error:
            self._me.answer(proposal.id, error.message)
            return
        present = None if self.current is None else self.current.topology
        faults = await faults_of(self._gateway, topology, present, self._adapters, self._places)
        self._me.answer(proposal.id, "\n".join(faults) or None)

    def _say(self) -> None:
        if self._me is None or self._log is None or (newest := self._log.history.current) is None:
            return
        if self.refused or newest.version == self._applied:
            self._change = newest.number
        self._me.say(change=self._change, version=self._applied, refused=self.refused or self._faults)

    async def _check(self, version: Version) -> TopologyVersion:
        topology = await self._parsed(version)
        self.current = TopologyVersion(version.sha256, topology, version.number)
        self.refused = self._refused_number = None
        return self.current

    async def _parsed(self, version: Version) -> Topology:
        sources = unpacked(version.packed)
        name = Path(f"version {version.number}")
        return await asyncio.to_thread(parse_version, sources, name, self._adapters, self._sinks)

    def _keep(self, version: Version) -> None:
        """At once whole, and durable: a gateway that was cut off starts with it."""
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        new = self._kept.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(version))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._kept)

    def _read_kept(self) -> Version | None:
        try:
            version = _decoder.decode(self._kept.read_bytes())
            unpacked(version.packed)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, DecodeError) as err:
            _LOG.error("kept_version_cannot_be_read", path=str(self._kept), error=str(err))
            return None
        return version
