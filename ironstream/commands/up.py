"""`ironstream up`: Kafka, a worker, the gateway, the sinks and the web view on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Annotated, Final

import typer
from rich.console import Console

from adapters.simulator.ports import PORTS
from ironstream.commands import children
from ironstream.commands.apply_each import applied_meanwhile
from ironstream.commands.children import Child
from ironstream.commands.kafka_start import start_kafka
from ironstream.commands.local_store import LocalStore
from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, settings_of
from ironstream.commands.output import err, run
from ironstream.commands.signals import Stop, stop_on_signals
from ironstream.commands.sink_set import EnabledSinks, SinkChildren, sink_process
from ironstream.commands.supervised import environment, supervise
from ironstream.commands.topics import specs_of
from ironstream.commands.web_child import address_of, port_for_web, web_process
from ironstream.embedded import EmbeddedKafka
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.beside import CanaryHoldsError
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topics import ensure_topics
from ironstream.topology import Topology, load_topology, read_sources

_PLANT_PORTS: Final = ", ".join(f"{port} {adapter}" for adapter, port in PORTS.items())


def up(
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Apply topology.yaml each time that it changes, without a restart.")
    ] = False,
    simulator: Annotated[
        bool, typer.Option("--simulator", help=f"Run the simulated plant as well, on 127.0.0.1: {_PLANT_PORTS}.")
    ] = False,
) -> None:
    """Run everything of topology.yaml on this machine until Ctrl-C: Kafka, topics, a worker, the gateway's adapters,
    the sinks, the web view.

    Kafka is the embedded one, which keeps its data in the data folder; --bootstrap uses one that runs already. A store
    whose dsn is a secret that nobody has set is an embedded PostgreSQL, there too. What dies is started again; sinks
    come and go with the version of the topology that holds. Logs are in DATA_DIR/logs.

    Examples:

      ironstream up

      ironstream up --simulator

      ironstream up --watch

      ironstream up --bootstrap kafka-1:9092 --topology plant.yaml
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir)
    # a topology that cannot be used is told before anything starts
    specs = specs_of(settings)
    console = err()
    with stop_on_signals() as stop:
        kafka = None if _uses_own_kafka(bootstrap) else _kafka(settings, console, stop)
        store = LocalStore(settings, console)
        try:
            if stop.requested:
                return
            store.serve(load_topology(settings.topology))
            differences = run(
                ensure_topics(settings.kafka_client_kwargs(), specs, settings.replication), settings.bootstrap
            )
            for difference in differences:
                console.print(f"[yellow]note:[/] {difference}")
            try:
                run(_hold(settings), settings.bootstrap)
            except CanaryHoldsError as error:
                console.print(f"note: the file is not applied. {error}", style="yellow", markup=False)
            sinks = SinkChildren(lambda sink_id, _: sink_process(settings, sink_id))
            with EnabledSinks(settings, console, store.serve).followed() as enabled:
                port = port_for_web()
                console.print(f"[bold green]up[/] on Kafka {settings.bootstrap}; Ctrl-C ends it")
                console.print(f"[bold green]web[/] on {address_of(port)}")
                processes = [*_processes(settings, simulator), web_process(settings, port)]
                with applied_meanwhile(settings, settings.topology, "up") if watch else nullcontext():
                    supervise(processes, console, stop, lambda: sinks.of(enabled.ids))
        finally:
            store.stop()
            if kafka is not None:
                console.print("stopping Kafka")
                asyncio.run(kafka.stop())


async def _hold(settings: Settings) -> None:
    """On one machine the file is what counts: it was edited while nothing ran, maybe."""
    sources = read_sources(settings.topology)
    async with TopologyLog(settings) as log:
        await apply_sources(settings, log, None, sources, "up", "the file at the start")


def _uses_own_kafka(bootstrap: str | None) -> bool:
    return bootstrap is not None or "IRONSTREAM_BOOTSTRAP" in os.environ


def _kafka(settings: Settings, console: Console, stop: Stop) -> EmbeddedKafka:
    console.print("starting Kafka")
    port = int(settings.bootstrap.rpartition(":")[2])
    return start_kafka(settings.data_dir / "kafka", port, settings, console, stop)


def _processes(settings: Settings, simulator: bool) -> list[Child]:
    """What is to run, in the order of the start; it is stopped in the opposite order."""
    env = environment(settings)
    logs = settings.data_dir / "logs"
    processes = [Child("worker", children.ironstream("worker"), logs / "worker.log", env)]
    if simulator:
        # where topology.yaml looks for it: at its own ports
        command = children.python("-m", "adapters.simulator")
        processes.append(Child("simulator", command, logs / "simulator.log", env))
    # also without pipelines: it takes those that the file gets later
    health = {"IRONSTREAM_HEALTH_PORT": os.environ.get("IRONSTREAM_HEALTH_PORT", "0")}
    processes.append(Child("gateway", children.ironstream("gateway"), logs / "gateway.log", env | health))
    return processes


def sink_processes(settings: Settings, topology: Topology, secrets: Mapping[str, str]) -> list[Child]:
    """A process for each enabled sink."""
    return [sink_process(settings, sink.id, secrets) for sink in topology.sinks if sink.enabled]
