"""The gateway: the processes that topology.yaml wants, and the file watched for what it wants next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp

from ironstream.contract import DEFAULT_PART
from ironstream.errors import BrokerError
from ironstream.gateway.difference import by_process, without_movers
from ironstream.gateway.from_topology import pipelines_of
from ironstream.gateway.processes.events import first_of
from ironstream.gateway.processes.health import gateway_health
from ironstream.gateway.processes.keeper import Keeper
from ironstream.gateway.processes.log import GatewayLog
from ironstream.gateway.processes.metrics import metrics_page
from ironstream.gateway.processes.server import GatewayServer
from ironstream.gateway.processes.settings import Supervision
from ironstream.gateway.processes.topology_source import TopologySource, TopologyVersion
from ironstream.gateway.publisher import KafkaPublisher, Publisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.topology import TopologyError

_LOG_FLUSH_S = 5.0


class Gateway:
    """Runs the pipelines of one gateway (`name`; None: all) of the topology that `source` has, each group in a process.

    `command` starts such a process, in the environment `env`; its folder below `buffer_dir` is added to that.
    """

    def __init__(
        self,
        name: str | None,
        source: TopologySource,
        settings: GatewaySettings,
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        buffer_dir: Path,
        supervision: Supervision | None = None,
    ) -> None:
        self.name = name or DEFAULT_PART
        self._of_topology = name
        self._settings = settings
        self._supervision = supervision or Supervision()
        self._source = source
        self._command = command
        self._env = env
        self._buffer_dir = buffer_dir
        self._keepers: dict[str, Keeper] = {}
        self._settling: asyncio.Task[None] | None = None

    async def run(
        self,
        stop: asyncio.Event,
        *,
        look_now: asyncio.Event | None = None,
        publisher: Publisher | None = None,
        on_ready: Callable[[int], None] | None = None,
    ) -> int:
        """Run until `stop` is set; then every process stops and flushes. The exit code: 0, or 1 when one could not.

        `look_now` has the topology read at once. `on_ready` is told the port of /health, /live and /metrics (0: none).
        Raises TopologyError when the topology cannot be used at the start; later such a version is refused, and what
        runs goes on.
        """
        look_now = look_now or asyncio.Event()
        version = await self._source.load()
        async with AsyncExitStack() as stack:
            if publisher is None:
                publisher = await stack.enter_async_context(KafkaPublisher(self._settings))
            log = GatewayLog(self.name, publisher, hostname=self._settings.hostname)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            server = GatewayServer(
                self._settings.health_host,
                self._settings.health_port,
                lambda: self._health(publisher),
                lambda: self._metrics(publisher),
            )
            await stack.enter_async_context(server)
            if on_ready is not None:
                on_ready(server.port)
            log.info("gateway_started", health_port=server.port, topology=self._source.where)
            following = asyncio.create_task(self._follow(version, look_now, session, log))
            try:
                await _stopped_or_failed(stop, following)
            finally:
                code = await self._end(log)
                await self._source.close()
            log.info("gateway_stopped", exit_code=code)
            # what is lost of it is in the process' log as well
            with suppress(BrokerError):
                await publisher.flush(_LOG_FLUSH_S)
            return code

    async def _follow(
        self, version: TopologyVersion | None, look_now: asyncio.Event, session: aiohttp.ClientSession, log: GatewayLog
    ) -> None:
        while True:
            if version is not None:
                await self._apply(version, session, log)
            await first_of(look_now, timeout_s=self._supervision.topology_interval_s)
            asked = look_now.is_set()
            look_now.clear()
            version, refused = None, self._source.refused
            try:
                version = await self._source.look(whatever=asked)
            except TopologyError as error:
                log.error("topology_refused", error=error.message, hint=error.hint)
            if refused and version is None and self._source.refused is None and self._source.current is not None:
                # there is nothing to apply, but whoever has read of the refusal waits for its end
                log.info("topology_restored", sha256=self._source.current.sha256)

    async def _apply(self, version: TopologyVersion, session: aiohttp.ClientSession, log: GatewayLog) -> None:
        """Bring the processes to what a version wants; those that it does not concern are left alone."""
        pipelines = pipelines_of(version.topology, self._of_topology)
        wanted = by_process(pipelines)
        gone = [keeper for name, keeper in self._keepers.items() if name not in wanted]
        log.info("topology_applied", sha256=version.sha256, pipelines=len(pipelines), processes=len(wanted),
                 new=sorted(wanted.keys() - self._keepers.keys()), gone=[keeper.name for keeper in gone])  # fmt: skip
        self._warn_of_a_strange_name(version, log)
        # a device may take one connection alone: who gives a pipeline away lets go of it before another takes it
        at_first = without_movers(wanted, {name: keeper.pipelines for name, keeper in self._keepers.items()})
        for name, group in at_first.items():
            if name not in self._keepers:
                self._keepers[name] = self._keeper(name, session, log)
            self._keepers[name].want(group)
            self._keepers[name].start()
        await asyncio.gather(*(keeper.stop() for keeper in gone))
        for keeper in gone:
            del self._keepers[keeper.name]
        if at_first != wanted:
            await asyncio.gather(*(keeper.applied() for keeper in self._keepers.values()))
            for name, group in wanted.items():
                self._keepers[name].want(group)
        if self._settling is not None:
            self._settling.cancel()
        # processes that start or hang must not keep the next version waiting
        self._settling = asyncio.create_task(self._tell_when_settled(), name="gateway settling")

    async def _tell_when_settled(self) -> None:
        await asyncio.gather(*(keeper.settled() for keeper in self._keepers.values()))
        self._source.applied([fault for keeper in self._keepers.values() for fault in keeper.faults])

    def _keeper(self, name: str, session: aiohttp.ClientSession, log: GatewayLog) -> Keeper:
        env = {**self._env, "IRONSTREAM_BUFFER_DIR": str(self._buffer_dir / name), "IRONSTREAM_PROCESS": name}
        return Keeper(name, self._command, env, self._supervision, session, log)

    def _warn_of_a_strange_name(self, version: TopologyVersion, log: GatewayLog) -> None:
        known = sorted({pipeline.gateway for pipeline in version.topology.pipelines if pipeline.gateway})
        if self._of_topology is not None and known and self._of_topology not in known:
            log.warning("no_pipeline_names_this_gateway", gateways=known)

    async def _end(self, log: GatewayLog) -> int:
        if self._settling is not None:
            self._settling.cancel()
        clean = await asyncio.gather(*(keeper.stop() for keeper in self._keepers.values()))
        return 0 if all(clean) else 1

    def _health(self, publisher: Publisher) -> dict[str, Any]:
        current = self._source.current
        topology = {
            "file": self._source.where,
            "version": None if current is None else current.number,
            "sha256": None if current is None else current.sha256,
            "refused": self._source.refused,
        }
        views = [keeper.view for keeper in self._keepers.values()]
        return gateway_health(self.name, views, kafka_connected=publisher.connected, topology=topology)

    async def _metrics(self, publisher: Publisher) -> bytes:
        keepers = list(self._keepers.values())
        pages = await asyncio.gather(*(keeper.scrape() for keeper in keepers))
        return metrics_page(self._health(publisher), [keeper.view for keeper in keepers], pages)


async def _stopped_or_failed(stop: asyncio.Event, following: asyncio.Task[None]) -> None:
    """Wait for `stop`; what fails in `following` is raised, for a gateway that follows nothing must not seem to run."""
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({stopped, following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
    finally:
        stopped.cancel()
        following.cancel()
        await asyncio.wait({stopped, following})
