"""A worker: the three agents in one process, from settings and topology.yaml."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from agents import alarms, events, telemetry
from agents.canary_watch import CanaryWatch
from agents.live_topology import Topology, compiled_version
from agents.telemetry_wire import AvroWire, JsonWire
from agents.topology_follower import TopologyFollower
from ironstream.engine.app import App, EngineConfig
from ironstream.engine.batch_app import BatchApp
from ironstream.engine.connections import survive_closed_transports
from ironstream.engine.control import TopologyChange
from ironstream.errors import BrokerError, ConfigurationError
from ironstream.metrics import MetricsServer
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import start_with_file
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.topics import ensure_all_topics

log = structlog.get_logger(__name__)
_MOST_WORKERS: Final = 64


def build_app(settings: Settings) -> App:
    """The worker's app, ready to run. Creates the topics that are missing and registers the topology.

    Raises ConfigurationError for a topology with faults, BrokerError when Kafka cannot be reached.
    """
    prepare_process()
    schemas = Schemas(settings.schemas)
    wire = AvroWire(schemas.clean_id) if settings.output_wire == "avro" else JsonWire()
    change, compiled = asyncio.run(_prepare(settings))
    app = App(
        EngineConfig(
            application_id=settings.application_id,
            client_settings=settings.kafka_client_kwargs(),
            state_dir=state_dir(settings),
            topic_prefix=settings.topic_prefix,
            partitions=settings.partitions,
            commit_interval_s=settings.commit_interval_s,
            session_timeout_s=settings.session_timeout_s,
            compression=None if settings.compression == "none" else settings.compression,
            store_cache_mb=settings.store_cache_mb,
            topology=change,
        )
    )
    telemetry.register(app, compiled, settings.partitions, schemas, wire)
    events.register(app, compiled)
    alarms.register(app, compiled)
    app.add_dependency(TopologyFollower(app, settings))
    app.add_dependency(CanaryWatch(app, settings))
    if settings.metrics_port is not None:
        # a child of the app, so that Faust's own way to run a worker has it too; started first, stopped last
        app.add_dependency(MetricsServer(app, settings.metrics_host, settings.metrics_port))
    return app


def prepare_process() -> None:
    """Set this process up for an app of the engine; before it is made."""
    # Batches of records are many objects and no cycles: at the default thresholds the collector looks for cycles among
    # them dozens of times a second, for about a tenth of the worker's time.
    gc.set_threshold(50_000, 10, 10)
    # Sockets in C: about a tenth of a worker's time, for the main loop and for that of Faust's consumer thread.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    survive_closed_transports()


def run(app: BatchApp[Any]) -> None:
    """Run an app in this process until SIGTERM or Ctrl-C, then exit with its code."""
    quieten_faust()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker_class: Any = app.conf.Worker
    process = worker_class(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    process.spinner = None
    process.execute_from_commandline()


def quieten_faust() -> None:
    """Take what Faust says of itself out of the log."""
    # it tells each of its services' starts and stops at INFO
    for name in ("mode", "faust"):
        logging.getLogger(name).setLevel(max(logging.getLogger().getEffectiveLevel(), logging.WARNING))


async def _prepare(settings: Settings) -> tuple[TopologyChange, Topology]:
    """The change of the topology that holds, and its version ready for use. The file counts where there is none yet."""
    await _topics(settings, ())
    async with TopologyLog(settings) as log_of_topologies:
        history = log_of_topologies.history
        await start_with_file(log_of_topologies, settings.topology, "worker")
        change, version = history.current, history.version
    assert change is not None
    assert version is not None
    compiled = await asyncio.to_thread(compiled_version, version.number, version.packed)
    if compiled is None:
        raise ConfigurationError(
            f"Version {version.number} of the topology, which holds, cannot be used by this release.",
            "Run the release that it was applied with, or `ironstream rollback` with that one.",
        )
    await _topics(settings, [window.size_us // 1_000_000 for window in compiled.windows])
    return TopologyChange(change.number, version.number, version.packed), compiled


async def _topics(settings: Settings, sizes_s: Sequence[int]) -> None:
    for difference in await ensure_all_topics(settings, sizes_s):
        if difference.setting == "partitions":
            raise BrokerError(
                f"Topic {difference}",
                "Set IRONSTREAM_PARTITIONS to the number the topics have, or use a new topic prefix.",
            )
        if difference.setting == "cleanup.policy" and difference.expected == "compact":
            raise BrokerError(
                f"Topic {difference}: it would lose what workers need after a restart",
                f"Set it: kafka-configs --alter --topic {difference.topic} --add-config cleanup.policy=compact",
            )
        log.warning("topic has another setting", difference=str(difference))


def state_dir(settings: Settings) -> Path:
    """A folder for the local state that no other living worker of this machine uses; the lock goes with the process."""
    base = settings.data_dir / "state" / (settings.topic_prefix + settings.application_id)
    for number in range(_MOST_WORKERS):
        folder = base / str(number)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise ConfigurationError(
                f"Cannot write to {folder}: {err.strerror}", "Set IRONSTREAM_DATA_DIR to a folder that can be written."
            ) from err
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return folder
    raise ConfigurationError(
        f"{_MOST_WORKERS} workers use {base} already.", "Give this one another IRONSTREAM_DATA_DIR."
    )
