"""The demo's processes: Kafka, PostgreSQL, simulated plant, worker, gateway, sinks, web; started, stopped in order."""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from adapters.simulator.ports import ports_in
from ironstream.commands import children
from ironstream.commands.children import Child
from ironstream.commands.kafka_start import start_kafka
from ironstream.commands.local_store import secrets_for, store_folder, unset_stores
from ironstream.commands.output import run
from ironstream.commands.signals import Stop
from ironstream.commands.supervised import environment
from ironstream.commands.topics import specs_of
from ironstream.commands.up import sink_processes
from ironstream.commands.web_child import address_of, port_for_web, web_process
from ironstream.demo.folder import sample_topology, write_topology
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.errors import IronstreamError
from ironstream.settings import Settings, load_settings
from ironstream.topics import ensure_topics
from ironstream.topology import load_topology

READY_TIMEOUT_S: Final = 120.0
_KEPT: Final = ("java", "kafka_heap_mb", "log_level", "log_format")
"""Settings of the user that the demo keeps; all others would lead it to another deployment."""
_POLL_S: Final = 0.1
_METRICS_PORT: Final = re.compile(r"metrics on 127\.0\.0\.1:(\d+)")


class ChildDiedError(IronstreamError):
    """A process of the demo has ended by itself."""

    def __init__(self, child: Child) -> None:
        super().__init__(
            f"The {child.name} ended with exit code {child.exit_code}:\n{child.last_words()}",
            f"All of its log: {child.log_file}",
        )


@dataclass(frozen=True, slots=True)
class Plant:
    """The running system; `web` is the address of its web view."""

    settings: Settings
    processes: tuple[Child, ...]
    web: str

    def check(self) -> None:
        """Raises ChildDiedError when one of the processes has ended."""
        for child in self.processes:
            if not child.running:
                raise ChildDiedError(child)


def without_outside_settings() -> None:
    """Forget the environment's settings of other deployments."""
    for name in Settings.model_fields:
        if name not in _KEPT:
            os.environ.pop(f"IRONSTREAM_{name.upper()}", None)


@contextmanager
def running_plant(folder: Path, console: Console, stop: Stop) -> Iterator[Plant]:
    """Everything running and ready while it is entered.

    Raises KeyboardInterrupt on Ctrl-C, ChildDiedError and BrokerError when a part does not come up.
    """
    logs = folder / "logs"
    topology = folder / "topology.yaml"
    settings = load_settings(data_dir=folder, topology=topology)
    with ExitStack() as stack:
        say = _Steps(console)
        say("starting Kafka")
        kafka = start_kafka(folder / "kafka", 0, settings, console, stop)
        stack.callback(lambda: run(kafka.stop()))
        settings = settings.model_copy(update={"bootstrap": kafka.bootstrap})
        say("starting the simulated plant")
        ports = ("--port", "0", "--opcua-port", "0", "--mqtt-port", "0")
        command = children.python("-m", "adapters.simulator", *ports)
        simulator = _start(stack, Child("simulator", command, logs / "simulator.log"))
        # while the plant comes up; its ports change nothing in the topics
        specs = specs_of(settings.model_copy(update={"topology": sample_topology()}))
        run(ensure_topics(settings.kafka_client_kwargs(), specs), settings.bootstrap)
        _wait(simulator, lambda: simulator.wait_for("mqtt listening on", _POLL_S), stop)
        write_topology(sample_topology(), topology, ports_in(simulator.said()))
        say("starting PostgreSQL")
        declared = load_topology(topology)
        store = EmbeddedPostgres(store_folder(settings))
        stack.callback(lambda: run(store.stop()))
        run(store.start())
        say("starting worker, sinks, gateway and web view")
        secrets = secrets_for(unset_stores(declared), store.dsn)
        env = environment(settings) | {"IRONSTREAM_METRICS_PORT": "0", "IRONSTREAM_HEALTH_PORT": "0"}
        worker = _start(stack, Child("worker", children.ironstream("worker"), logs / "worker.log", env))
        gateway = _start(stack, Child("gateway", children.ironstream("gateway"), logs / "gateway.log", env))
        sinks = [_start(stack, child) for child in sink_processes(settings, declared, secrets)]
        port = port_for_web()
        web = _start(stack, web_process(settings, port))
        _wait(worker, lambda: _is_ready(worker), stop)
        _wait(gateway, lambda: gateway.wait_for("health and metrics on port", _POLL_S), stop)
        _wait(web, lambda: web.wait_for(address_of(port), _POLL_S), stop)
        say(f"ready; web view on {address_of(port)}")
        yield Plant(settings, (simulator, worker, gateway, *sinks, web), address_of(port))


class _Steps:
    """Says each step of the set-up with the time it began."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started_s = time.monotonic()

    def __call__(self, step: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._started_s:5.1f} s[/]  {step}")


def _start(stack: ExitStack, child: Child) -> Child:
    # entered before the start: whatever comes in between, it is stopped
    stack.callback(child.stop)
    child.start()
    return child


def _wait(child: Child, ready: Callable[[], str | None], stop: Stop) -> str:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        if stop.requested:
            raise KeyboardInterrupt
        found = ready()
        if found is not None:
            return found
        if not child.running:
            raise ChildDiedError(child)
        if time.monotonic() > deadline:
            raise IronstreamError(
                f"The {child.name} is not ready after {READY_TIMEOUT_S:.0f} s:\n{child.last_words()}",
                f"All of its log: {child.log_file}",
            )
        stop.wait(_POLL_S)


def _is_ready(worker: Child) -> str | None:
    match = _METRICS_PORT.search(worker.wait_for("metrics on", 0.0) or "")
    if match is None:
        return None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{match[1]}/ready", timeout=1) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, TimeoutError):
        return None
