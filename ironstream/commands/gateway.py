"""`ironstream gateway`: the adapters of one gateway as supervised processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ironstream.commands.children import python
from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, export_settings, settings_of
from ironstream.embedded.locks import try_lock
from ironstream.errors import ConfigurationError


class Followed(StrEnum):
    """What a gateway follows."""

    LOG = "log"
    FILE = "file"


def gateway(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Gateway of topology.yaml; left out: every enabled pipeline."),
    ] = None,
    health_port: Annotated[
        int | None,
        typer.Option(help="Port of /health, /live and /metrics; 0 takes a free one [IRONSTREAM_HEALTH_PORT]."),
    ] = None,
    follow: Annotated[
        Followed, typer.Option(help="Where the topology comes from: what was applied to the deployment, or the file.")
    ] = Followed.LOG,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run the pipelines of a gateway in processes of their own until SIGTERM or Ctrl-C, then flush.

    Its own pipelines and those that name no gateway; those that name the same `process` share one. What dies or hangs
    is started again. The version of the topology that holds is followed (`ironstream apply`): only what changed is
    restarted; one that cannot be used is refused and what runs goes on. While Kafka is away the last version holds,
    also after a restart. `--follow file` watches topology.yaml instead (SIGHUP: now).

    Examples:

      ironstream gateway

      ironstream gateway gw-1 --bootstrap kafka-1:9092 --health-port 8080

      ironstream gateway --follow file
    """
    export_settings(bootstrap=bootstrap, topology=topology, data_dir=data_dir, health_port=health_port)
    # the protocols' libraries are costly to import, which every other command would pay for
    from adapters.__main__ import settings_from_environment
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.processes.gateway import Gateway
    from ironstream.gateway.processes.settings import Supervision
    from ironstream.gateway.processes.topology_file import TopologyFile
    from ironstream.gateway.processes.topology_log import LoggedTopology
    from ironstream.gateway.processes.topology_source import TopologySource
    from ironstream.gateway.supervisor import stop_on_signal
    from ironstream.sinks.registry import SINKS

    settings = settings_of()
    own = settings_from_environment()
    lock = _lock(settings.data_dir / f"gateway{f'-{name}' if name else ''}.lock")
    source: TopologySource
    if follow is Followed.FILE:
        source = TopologyFile(settings.topology, CONFIG_MODELS, Supervision().settle_s, sinks=SINKS)
    else:
        kept = settings.data_dir / "topology" / f"{name or 'gateway'}.json"
        source = LoggedTopology(
            settings, CONFIG_MODELS, kept, gateway=name, places=own, first=settings.topology, sinks=SINKS
        )
    made = Gateway(
        name,
        source,
        # its own records are its log, which needs no disk
        replace(own, buffer_dir=None),
        command=python("-m", "adapters", "--control"),
        env=_environment(),
        buffer_dir=own.buffer_dir or settings.data_dir / "buffer",
    )

    async def run() -> int:
        look_now = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, look_now.set)
        async with stop_on_signal() as stop:
            return await made.run(stop, look_now=look_now, on_ready=_say_where)

    try:
        raise typer.Exit(asyncio.run(run()))
    finally:
        os.close(lock)


def _lock(path: Path) -> int:
    """Keep a second gateway of that name from reading the same devices, and from using the same folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = try_lock(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be made: {error.strerror}", "Name another folder: --data-dir DIR."
        ) from error
    if lock is None:
        raise ConfigurationError(
            f"This gateway runs already in {path.parent}.", "Stop it, or give this one another name or --data-dir."
        )
    return lock


def _environment() -> dict[str, str]:
    """Of every process: what the gateway has, and health on a free port of loopback, where the gateway asks for it."""
    kept = {name: value for name, value in os.environ.items() if name != "CONFIG_JSON"}
    return kept | {"IRONSTREAM_HEALTH_HOST": "127.0.0.1", "IRONSTREAM_HEALTH_PORT": "0"}


def _say_where(port: int) -> None:
    sys.stderr.write(f"health and metrics on port {port}\n")
    sys.stderr.flush()
