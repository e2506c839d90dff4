"""Starts the embedded Kafka for a command: a progress bar on the first download, Ctrl-C at any time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ironstream.commands.signals import Stop
from ironstream.embedded import EmbeddedKafka, JarProgress
from ironstream.settings import Settings

_POLL_S = 0.1


def start_kafka(data_dir: Path, port: int, settings: Settings, console: Console, stop: Stop) -> EmbeddedKafka:
    """A running Kafka on `port` (0: a free one). Raises BrokerError; KeyboardInterrupt when `stop` came first."""
    if not console.is_terminal:
        # without a bar, the broker tells of a download by lines of its own
        kafka = EmbeddedKafka(data_dir, port=port, heap_mb=settings.kafka_heap_mb, java=settings.java)
        asyncio.run(_start(kafka, stop))
        return kafka
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting Kafka", total=None, size="")

        def show(state: JarProgress) -> None:
            text = "fetching Kafka, once per user" if state.done < state.total else "starting Kafka"
            size = f"{state.received_bytes / 1e6:.0f} MB"
            bar.update(task, description=text, completed=state.done, total=state.total, size=size)

        kafka = EmbeddedKafka(data_dir, port=port, heap_mb=settings.kafka_heap_mb, java=settings.java, progress=show)
        asyncio.run(_start(kafka, stop))
    return kafka


async def _start(kafka: EmbeddedKafka, stop: Stop) -> None:
    starting = asyncio.create_task(kafka.start())
    while not starting.done():
        await asyncio.wait([starting], timeout=_POLL_S)
        if stop.requested:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await kafka.stop()
            raise KeyboardInterrupt
    await starting
