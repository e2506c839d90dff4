"""The topology that holds for a deployment, as a gateway follows it; kept on disk for when Kafka is away."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError

from ironstream.contract import Topic
from ironstream.errors import DecodeError
from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import start_with
from ironstream.rollout.records import Version
from ironstream.settings import Settings
from ironstream.topology import AdapterModels, SinkSorts, TopologyError, parse_sources, read_sources
from ironstream.topology.sources import Sources

_LOG = structlog.get_logger(__name__)
_CONNECT_S: Final = 10.0
_decoder: Final[msgspec.json.Decoder[Version]] = msgspec.json.Decoder(Version)


class LoggedTopology:
    """Follows `config.topology`. The last good version is in the file `kept`, and holds until Kafka is there.

    Where the log has none yet, the topology file `first`, if it is there, becomes the first.
    """

    def __init__(
        self,
        settings: Settings,
        adapters: AdapterModels,
        kept: Path,
        *,
        first: Path | None = None,
        sinks: SinkSorts | None = None,
    ) -> None:
        self.current: TopologyVersion | None = None
        self.refused: str | None = None
        self._settings = settings
        self._adapters = adapters
        self._sinks = sinks
        self._kept = kept
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
            sources = await asyncio.to_thread(read_sources, self._first)
            await asyncio.to_thread(parse_sources, sources, self._first.parent, self._adapters, self._sinks)
            await start_with(self._log, sources, "gateway")
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
                await log.poll(0)
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            return None
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
            raise
        await asyncio.to_thread(self._keep, version)
        return found

    async def close(self) -> None:
        """See TopologySource."""
        if self._log is not None:
            log, self._log = self._log, None
            await log.__aexit__()

    async def _connected(self) -> TopologyLog:
        if self._log is None:
            self._log = await TopologyLog(self._settings).__aenter__()
        return self._log

    async def _check(self, version: Version) -> TopologyVersion:
        sources = Sources.unpacked(version.packed)
        name = Path(f"version {version.number}")
        topology = await asyncio.to_thread(parse_sources, sources, name, self._adapters, self._sinks)
        self.current = TopologyVersion(version.sha256, topology, version.number)
        self.refused = self._refused_number = None
        return self.current

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
            Sources.unpacked(version.packed)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, DecodeError) as err:
            _LOG.error("kept_version_cannot_be_read", path=str(self._kept), error=str(err))
            return None
        return version
