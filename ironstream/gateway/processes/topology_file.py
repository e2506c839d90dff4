"""topology.yaml, with what it includes, as a gateway follows it: each version checked before it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.topology import AdapterModels, SinkSorts, TopologyError, parse_sources, read_sources
from ironstream.topology.files import Signature, patterns_in, signature_of
from ironstream.topology.sources import Sources


class TopologyFile:
    """Follows a file, and those that it includes, by looking at them.

    `current` is the newest good version and `sources` its files, `refused` why a newer one is not it.
    """

    def __init__(self, path: Path, adapters: AdapterModels, settle_s: float, *, sinks: SinkSorts | None = None) -> None:
        self.path = path
        self.current: TopologyVersion | None = None
        self.sources: Sources | None = None
        self.refused: str | None = None
        self._adapters = adapters
        self._sinks = sinks
        self._settle_s = settle_s
        self._seen: Signature | None = None
        self._patterns: tuple[str, ...] = ()
        self._refused_sha256: str | None = None

    @property
    def where(self) -> str:
        """See TopologySource."""
        return str(self.path)

    def applied(self, faults: Sequence[str]) -> None:
        """See TopologySource: nobody follows a gateway that has a file of its own."""

    async def close(self) -> None:
        """See TopologySource."""

    async def load(self) -> TopologyVersion:
        """Read and check it now. Raises TopologyError with all faults."""
        sources = await self._read()
        return await self._check(sources, sources.sha256)

    async def look(self, *, whatever: bool = False) -> TopologyVersion | None:
        """A version newer than `current`, when there is one; `whatever`: read it also when it seems unchanged.

        Raises TopologyError with all faults of a version that cannot be used, once for each; `current` stays.
        """
        signature = self._signature()
        if signature == self._seen and not whatever:
            return None
        # an editor may be in the middle of writing, and half of a file may be a good one
        await asyncio.sleep(self._settle_s)
        if self._signature() != signature:
            return None
        self._seen = signature
        try:
            sources = await self._read()
            digest = sources.sha256
            if self.current is not None and digest == self.current.sha256:
                self.refused = self._refused_sha256 = None
                return None
            if digest == self._refused_sha256:
                return None
            self._refused_sha256 = digest
            return await self._check(sources, digest)
        except TopologyError as error:
            self.refused = error.message
            raise

    async def _read(self) -> Sources:
        while True:
            # looked at before it is read, so that no change in between is missed
            self._seen = self._signature()
            sources = await asyncio.to_thread(read_sources, self.path)
            patterns = patterns_in(sources.text)
            if patterns == self._patterns:
                return sources
            self._patterns = patterns

    def _signature(self) -> Signature:
        return signature_of(self.path, self._patterns)

    async def _check(self, sources: Sources, digest: str) -> TopologyVersion:
        topology = await asyncio.to_thread(parse_sources, sources, self.path.parent, self._adapters, self._sinks)
        self.current, self.sources = TopologyVersion(digest, topology), sources
        self.refused = self._refused_sha256 = None
        return self.current
