"""topology.yaml as a gateway follows it: each version checked before it counts."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.topology import AdapterModels, SinkSorts, TopologyError, parse_topology, read_topology

Signature = tuple[int, int, int] | None


class TopologyFile:
    """Follows one file by looking at it. `current` is the newest good version, `refused` why a newer one is not it."""

    def __init__(self, path: Path, adapters: AdapterModels, settle_s: float, *, sinks: SinkSorts | None = None) -> None:
        self.path = path
        self.current: TopologyVersion | None = None
        self.refused: str | None = None
        self._adapters = adapters
        self._sinks = sinks
        self._settle_s = settle_s
        self._seen: Signature = None
        self._refused_sha256: str | None = None

    @property
    def where(self) -> str:
        """See TopologySource."""
        return str(self.path)

    async def close(self) -> None:
        """See TopologySource."""

    async def load(self) -> TopologyVersion:
        """Read and check it now. Raises TopologyError with all faults."""
        self._seen = _signature(self.path)
        text = await asyncio.to_thread(read_topology, self.path)
        return await self._check(text, sha256(text).hexdigest())

    async def look(self, *, whatever: bool = False) -> TopologyVersion | None:
        """A version newer than `current`, when there is one; `whatever`: read it also when it seems unchanged.

        Raises TopologyError with all faults of a version that cannot be used, once for each; `current` stays.
        """
        signature = _signature(self.path)
        if signature == self._seen and not whatever:
            return None
        # an editor may be in the middle of writing, and half of a file may be a good one
        await asyncio.sleep(self._settle_s)
        if _signature(self.path) != signature:
            return None
        self._seen = signature
        try:
            text = await asyncio.to_thread(read_topology, self.path)
            digest = sha256(text).hexdigest()
            if self.current is not None and digest == self.current.sha256:
                self.refused = self._refused_sha256 = None
                return None
            if digest == self._refused_sha256:
                return None
            self._refused_sha256 = digest
            return await self._check(text, digest)
        except TopologyError as error:
            self.refused = error.message
            raise

    async def _check(self, text: bytes, digest: str) -> TopologyVersion:
        topology = await asyncio.to_thread(parse_topology, text, self.path, self._adapters, self._sinks)
        self.current = TopologyVersion(digest, topology)
        self.refused = self._refused_sha256 = None
        return self.current


def _signature(path: Path) -> Signature:
    """What changes with the file; None when it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
