"""What is done to the directory of a sink of files."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from tests.support.faults.sinks import faults
from tests.support.faults.sinks.plant import SinkPlant
from tests.support.faults.sinks.targets import LakeStore

_ROOM: Final = 2048
"""Less than any file takes, so that half of it is on the disk when the write fails."""
_SAYS_S: Final = 30.0
_WRITES: Final = 6
"""Failed ones: by then the breaker has opened, and let one try that failed too."""


async def fill_directory(on: SinkPlant, store: LakeStore) -> None:
    """No file can become as large as it must: as on a full disk (faults/disks.py); then there is room again."""
    process = faults.only(on, store.id)
    await on.works(store.id)
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (_ROOM, unlimited))
    before, failed, deadline = _files(store.root), 0, time.monotonic() + _SAYS_S
    try:
        # asked for by HTTP: its log is a file too, which is as full
        while failed < _WRITES:
            health = await process.health()
            failed = health["errors_last_minute"] if "File too large" in (health["last_error"] or "") else 0
            assert time.monotonic() < deadline, f"a write without room did not fail: {health}"
            await asyncio.sleep(0.05)
        # one that was on its way when the room went may have become whole
        for path in _files(store.root) - before:
            pq.read_table(path)
    finally:
        resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    on.faults["no room for the files"] += 1
    await on.works(store.id)
    assert process.child.poll() is None, f"a full disk must not end it\n{process.said()[-3000:]}"


def _files(root: Path) -> set[Path]:
    """Those that a reader finds."""
    return set(root.rglob("*.parquet"))
