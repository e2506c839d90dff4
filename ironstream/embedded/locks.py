"""Locks on files, held by processes: the kernel lets go of them when the last holder is gone, however it died."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.1


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock on `path` (made if missing), after waiting for whoever holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Take the lock on `path` without waiting: its file descriptor, or None when another process holds it.

    The lock is shared by every process that inherits the descriptor, and ends with the last of them.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


async def wait_for_lock(path: Path, wait_s: float) -> int | None:
    """As `try_lock`, once whoever holds it has had `wait_s` to let go."""
    deadline = time.monotonic() + wait_s
    while True:
        descriptor = try_lock(path)
        if descriptor is not None or time.monotonic() > deadline:
            return descriptor
        await asyncio.sleep(_POLL_S)
