"""One broker for many runs; a run is one contender on topics of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.compare.contenders import Contender
from benchmarks.compare.workload import Place, Work
from ironstream.bench.deployment import BenchError
from ironstream.commands.children import Child
from ironstream.embedded import EmbeddedKafka
from ironstream.topics import ensure_topics

_STOP_TIMEOUT_S: Final = 60.0


class Session:
    """A broker with its data in a folder that goes at the end. Made by `session`."""

    def __init__(self, kafka: EmbeddedKafka, folder: Path) -> None:
        self._kafka = kafka
        self._folder = folder

    @property
    def broker_pid(self) -> int:
        """Process of the broker."""
        return self._kafka.pid or 0

    @asynccontextmanager
    async def place(self, contender: Contender, work: Work, parallelism: int) -> AsyncIterator[Place]:
        """Fresh topics and a folder for one run; at the end both are gone."""
        name = f"{work.name}-{contender.name}-{secrets.token_hex(3)}"
        folder = self._folder / name
        folder.mkdir()
        place = Place(name, self._kafka.bootstrap, folder, parallelism)
        await ensure_topics(place.bootstrap, work.topics(place))
        try:
            yield place
        finally:
            await self._delete_topics(name)
            shutil.rmtree(folder, ignore_errors=True)

    @asynccontextmanager
    async def started(self, contender: Contender, work: Work, place: Place) -> AsyncIterator[list[Child]]:
        """The contender's processes, just started; stopped at the end."""
        environment = os.environ | work.environment(place)
        children = [
            Child(f"{contender.name}-{number}", command, place.folder / f"{number}.log", environment | variables)
            for number, (command, variables) in enumerate(contender.commands(place))
        ]
        try:
            for child in children:
                child.start()
            yield children
        finally:
            for child in children:
                child.terminate()
            for child in children:
                await asyncio.to_thread(child.stop, _STOP_TIMEOUT_S)

    async def _delete_topics(self, prefix: str) -> None:
        """The run's topics, those that the contender made for itself too."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
        finally:
            await admin.close()


def must_run(children: Iterable[Child]) -> None:
    """Raise BenchError when a process has ended."""
    for child in children:
        if not child.running:
            raise BenchError(
                f"{child.name} ended with exit code {child.exit_code}. Its last words:\n{child.last_words(30)}"
            )


@asynccontextmanager
async def session(heap_mb: int = 1024) -> AsyncIterator[Session]:
    """Start the embedded Kafka; at the end it and all its data are gone."""
    with tempfile.TemporaryDirectory(prefix="ironstream-compare-", ignore_cleanup_errors=True) as name:
        async with EmbeddedKafka(Path(name) / "kafka", heap_mb=heap_mb) as kafka:
            yield Session(kafka, Path(name))
