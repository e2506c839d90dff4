"""A topology file that is applied each time that it changes: `apply --watch`, `up --watch`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from ironstream.commands.losses import refuse_losses
from ironstream.commands.output import err, print_error
from ironstream.commands.rollout_log import open_log
from ironstream.commands.rollout_told import tell_applied
from ironstream.commands.signals import Stop
from ironstream.errors import BrokerError, IronstreamError
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.participants import Participants
from ironstream.settings import Settings
from ironstream.topology import Topology
from ironstream.topology.sources import Sources

if TYPE_CHECKING:
    from ironstream.gateway.processes.topology_source import TopologyVersion

_REASON: Final = "the file has changed"
_JOIN_S: Final = 20.0


async def apply_each(settings: Settings, path: Path, author: str, stop: Stop, *, accept_losses: bool = False) -> None:
    """Apply the file now and after each change, until `stop`. What keeps it from being applied is told on stderr.

    While Kafka is away it waits; a version that is refused is not tried again before the file changes.
    """
    # the models of adapters and sinks are costly to import, which every other command would pay for
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.processes.settings import Supervision
    from ironstream.gateway.processes.topology_file import TopologyFile
    from ironstream.sinks.registry import SINKS

    times = Supervision()
    file = TopologyFile(path, CONFIG_MODELS, times.settle_s, sinks=SINKS)
    look: Callable[[], Awaitable[TopologyVersion | None]] = file.load
    waiting = told = False
    while not stop.requested:
        try:
            look, now = file.look, look
            waiting |= await now() is not None
            if waiting and file.current is not None and file.sources is not None:
                await _apply(settings, file.current.topology, file.sources, author, accept_losses=accept_losses)
            waiting = told = False
        except (KafkaError, BrokerError) as error:
            if not told:
                err().print(f"{path} waits for Kafka: {error}", style="yellow", markup=False)
            told = True
        except IronstreamError as error:
            print_error(error)
            waiting = False
        await asyncio.sleep(times.topology_interval_s)


@contextmanager
def applied_meanwhile(settings: Settings, path: Path, author: str) -> Iterator[None]:
    """`apply_each` in a thread, for as long as this is entered."""
    stop = Stop()
    thread = threading.Thread(
        target=lambda: asyncio.run(apply_each(settings, path, author, stop)), name="watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.request()
        thread.join(_JOIN_S)


async def _apply(settings: Settings, topology: Topology, sources: Sources, author: str, *, accept_losses: bool) -> None:
    async with open_log(settings, topology) as log, Participants(settings) as participants:
        if not accept_losses:
            refuse_losses(log, topology)
        done = await apply_sources(settings, log, participants, sources, author, _REASON)
        if done.change is not None:
            tell_applied(done)
