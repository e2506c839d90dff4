"""What is read off processes and the machine while something runs."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from ironstream import __version__
from ironstream.embedded.jars import kafka_version

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """Where figures come from. `load_average` is that of the minute before; figures of a busy machine say little."""

    cpus: int
    memory_mib: int
    system: str
    python: str
    kafka: str
    ironstream: str
    commit: str
    load_average: float


def machine(own_kafka: bool | None) -> Machine:
    """Facts of this machine; `own_kafka`: the broker is the embedded one (None: there is none)."""
    return Machine(
        cpus=psutil.cpu_count() or 0,
        memory_mib=psutil.virtual_memory().total // MIB,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        kafka=_broker(own_kafka),
        ironstream=__version__,
        commit=_commit(),
        load_average=round(os.getloadavg()[0], 2),
    )


def _broker(own: bool | None) -> str:
    if own is None:
        return ""
    return f"{kafka_version()} (embedded)" if own else "of --bootstrap"


def _commit() -> str:
    """Commit of the checkout, with "+" when files differ from it; empty where there is none."""
    root = Path(__file__).parents[2]
    try:
        head = _git(root, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cpu_seconds(pid: int | None) -> float:
    """CPU time that a process has used so far, in user and kernel mode; 0 when there is none."""
    if pid is None:
        return 0.0
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def rss_mib(pid: int | None) -> float:
    """Memory that a process holds now, in MiB; 0 when there is none."""
    if pid is None:
        return 0.0
    try:
        return float(psutil.Process(pid).memory_info().rss / MIB)
    except psutil.NoSuchProcess:
        return 0.0
