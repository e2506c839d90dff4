"""The shadow namespace of one run: topics and a folder of its own, gone when the run is over, however it ends.

What a killed run leaves behind is found by the names and removed by the next one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import structlog

from ironstream.embedded.locks import try_lock
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.topics import MIB, TopicSpec, delete_topics, ensure_topics, topic_names

log = structlog.get_logger(__name__)

MARK: Final = "ironstream.whatif."
"""Begins the name of every shadow topic, after the deployment's own prefix."""
_FOREIGN_AGE_S: Final = 24 * 3600
_CONFIG: Final = {
    # the time on the log is the one of the recording, and nothing expires by it
    "message.timestamp.type": "CreateTime",
    "retention.ms": "-1",
    "max.message.bytes": str(2 * MIB),
}


@dataclass(frozen=True, slots=True)
class Namespace:
    """`prefix` of the full names of the shadow topics, `folder` for local state."""

    prefix: str
    folder: Path


@asynccontextmanager
async def shadow_namespace(settings: Settings, topics: Iterable[str], partitions: int) -> AsyncIterator[Namespace]:
    """Make the shadow topics (names within the namespace) and a folder; both are removed at the end.

    What runs that were killed have left is removed first. Raises BrokerError, ConfigurationError.
    """
    base = _base()
    await remove_leftovers(settings)
    name = f"{_host(base)}-{int(time.time())}-{secrets.token_hex(4)}"
    folder = base / name
    with _alone(base):
        folder.mkdir(mode=0o700)
        # held for as long as the process lives: this is how others know that it does
        held = try_lock(folder / "lock")
    prefix = f"{settings.topic_prefix}{MARK}{name}."
    names = [prefix + topic for topic in topics]
    kafka = settings.kafka_client_kwargs()
    try:
        specs = [TopicSpec(topic, partitions, _CONFIG) for topic in names]
        await ensure_topics(kafka, specs, settings.replication)
        yield Namespace(prefix, folder)
    finally:
        try:
            await delete_topics(kafka, names)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            if held is not None:
                os.close(held)


async def remove_leftovers(settings: Settings) -> None:
    """Remove what runs that are no more have left: topics of this deployment, folders of this machine.

    Whether a run of another machine (or user) lives cannot be seen from here: its topics are left alone for a day.
    """
    base = _base()
    kafka = settings.kafka_client_kwargs()
    begin = settings.topic_prefix + MARK
    # before the folders: whoever had topics by now had a folder before them
    names = [name for name in await topic_names(kafka) if name.startswith(begin)]
    living = await asyncio.to_thread(_clear, base)
    own, now = _host(base), time.time()
    gone = [name for name in names if is_left(name[len(begin) :].partition(".")[0], own, living, now)]
    if gone:
        log.warning("topics of a replay that was killed are removed", topics=len(gone))
        await delete_topics(kafka, gone)


def is_left(run: str, own: str, living: set[str], now: float) -> bool:
    """Whether a run (its part of the names) is no more: `own` is what those of this machine begin with, `living` have
    their folders' locks, `now` is in seconds since the epoch.
    """
    host, _, rest = run.partition("-")
    started = rest.partition("-")[0]
    if host == own:
        return run not in living
    return started.isdigit() and int(started) < now - _FOREIGN_AGE_S


def _clear(base: Path) -> set[str]:
    """Remove folders whose process is gone; the names of the others."""
    living = set()
    with _alone(base):
        for folder in list(base.iterdir()):
            held = try_lock(folder / "lock")
            if held is None:
                living.add(folder.name)
                continue
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
    return living


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """No other run makes or removes folders meanwhile."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _base() -> Path:
    base = Path(tempfile.gettempdir()) / f"ironstream-whatif-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise ConfigurationError(f"{base} belongs to somebody else.", "Set TMPDIR to a folder of your own.")
    return base


def _host(base: Path) -> str:
    """Tells the users of machines apart, and no more of them."""
    return blake2b(f"{socket.gethostname()}\0{base}".encode(), digest_size=6).hexdigest()
