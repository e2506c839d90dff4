"""Faults of disks: a local copy that is damaged, and no room under a worker's state or under the broker.

"No room" is RLIMIT_FSIZE, set on the running process: writes beyond it fail with EFBIG, as ENOSPC comes from a full
disk. Unlike a small tmpfs it needs no right to mount, so it is the same on every machine.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ironstream.embedded import EmbeddedKafka
from ironstream.engine.database import StoreOptions
from ironstream.engine.store import LocalCommit, PartitionStore
from tests.support.faults.deployment import Deployment
from tests.support.faults.faults import somebody_works

_FULL_S: Final = 120.0
_WORKER_ROOM: Final = 128 * 1024
_BROKER_ROOM: Final = 256 * 1024


def _cut(copy: Path) -> None:
    file = _largest(copy, "*.sst")
    os.truncate(file, file.stat().st_size // 2)


def _remove_table(copy: Path) -> None:
    _largest(copy, "*.sst").unlink()


def _garble_table(copy: Path) -> None:
    file = _largest(copy, "*.sst")
    with file.open("r+b") as opened:
        opened.write(os.urandom(file.stat().st_size * 3 // 4))


def _garble_manifest(copy: Path) -> None:
    with _largest(copy, "MANIFEST-*").open("r+b") as opened:
        opened.write(os.urandom(64))


def _empty_current(copy: Path) -> None:
    os.truncate(copy / "CURRENT", 0)


def rewrite_format(copy: Path, number: int) -> None:
    """Make a closed local copy one of another format."""
    store = PartitionStore(copy, StoreOptions(1, 1))
    found = store.committed()
    assert found is not None, f"{copy} has no commit"
    store.write([], LocalCommit(found.claim, found.changelog_offset, found.source_offset, found.number, 0, number))
    store.close()


def _older_format(copy: Path) -> None:
    rewrite_format(copy, 0)


_OF_TABLES: Final[dict[str, Callable[[Path], None]]] = {
    "a table cut": _cut,
    "a table removed": _remove_table,
    "garbage in a table": _garble_table,
    "an older format": _older_format,
}
_OF_THE_REST: Final[dict[str, Callable[[Path], None]]] = {
    "garbage in the manifest": _garble_manifest,
    "CURRENT emptied": _empty_current,
}
DAMAGES: Final = _OF_TABLES | _OF_THE_REST


async def damage_state(on: Deployment) -> None:
    """Damage of every kind to the local copies of a stopped worker, each to a copy of its own; all are rebuilt."""
    on.only_worker()
    await on.processing()
    await on.stop_workers()
    damaged = _damaged(on)
    assert damaged, "there must be local copies to damage"
    before = len(on.workers)
    await somebody_works(on)
    said = "\n".join(worker.log.read_text(errors="replace") for worker in on.workers[before:])
    missed = [f"{copy}: {kind}" for copy, kind in damaged.items() if f"path={copy} " not in said]
    assert not missed, f"used without a word: {missed}\n{said[-4000:]}"


def _damaged(on: Deployment) -> dict[Path, str]:
    """What was done to which copy. The next worker takes the first folder."""
    s = on.settings
    first = s.data_dir / "state" / (s.topic_prefix + s.application_id) / "0"
    copies = [path.parent for path in sorted(first.glob("*/*/CURRENT"))]
    on.random.shuffle(copies)
    damaged = {}
    for kind, damage in DAMAGES.items():
        # a copy that never wrote out its memory has no table yet
        fit = [copy for copy in copies if kind in _OF_THE_REST or list(copy.glob("*.sst"))]
        if fit:
            copies.remove(fit[0])
            damage(fit[0])
            damaged[fit[0]] = kind
            on.faults[f"local copy: {kind}"] += 1
    return damaged


async def fill_worker_disk(on: Deployment) -> None:
    """No more room under a worker's state: it must stop with an error that says so; then there is room again."""
    worker = on.only_worker()
    await on.processing()
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (_WORKER_ROOM, resource.RLIM_INFINITY))
    code = await worker.exit(_FULL_S)
    on.faults["no room for a worker's state"] += 1
    said = worker.log.read_text(errors="replace")
    assert code > 0, f"a worker without room ended with {code}\n{worker.last_words()}"
    assert "There is no room for the local copy" in said, worker.last_words()
    await somebody_works(on)


async def fill_broker_disk(on: Deployment, kafka: EmbeddedKafka) -> None:
    """No more room under the broker's log: it halts; then there is room, and it starts again on what is there."""
    on.only_worker()
    await on.processing()
    assert kafka.pid is not None
    written = kafka.log_file.parent.glob(f"log/{on.settings.topic('telemetry.raw')}-*/*.log")
    largest = max(path.stat().st_size for path in written)
    resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (largest + _BROKER_ROOM, resource.RLIM_INFINITY))
    deadline = time.monotonic() + _FULL_S
    while kafka.running:
        assert time.monotonic() < deadline, "a broker that cannot write must halt"
        await asyncio.sleep(0.1)
    on.faults["no room for the broker's log"] += 1
    await kafka.start()
    await somebody_works(on)


def _largest(copy: Path, pattern: str) -> Path:
    return max(copy.glob(pattern), key=lambda file: file.stat().st_size)
