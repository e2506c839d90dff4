"""What the processes of a contender use, with all their children."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psutil

MIB: Final = 1024 * 1024


def cpu_seconds(roots: Iterable[int]) -> float:
    """CPU time, user and kernel, of process trees so far; that of children which have ended and were waited for too."""
    total = 0.0
    for process in _trees(roots):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def rss_mib(roots: Iterable[int]) -> float:
    """Memory that process trees hold now, in MiB; pages that processes share count for each of them."""
    total = 0
    for process in _trees(roots):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / MIB


def _trees(roots: Iterable[int]) -> Iterable[psutil.Process]:
    for pid in roots:
        try:
            root = psutil.Process(pid)
            yield root
            yield from root.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
