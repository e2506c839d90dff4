"""Child processes of a command that runs several: what dies comes back, and all end with the command."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from ironstream.commands.children import Child
from ironstream.commands.signals import Stop
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings

_POLL_S: Final = 0.2
_BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_S: Final = 60.0
_BAD_CONFIGURATION: Final = 2


def environment(settings: Settings) -> dict[str, str]:
    """Environment of a child process with these settings."""
    return os.environ | {
        "IRONSTREAM_BOOTSTRAP": settings.bootstrap,
        "IRONSTREAM_DATA_DIR": str(settings.data_dir),
        "IRONSTREAM_TOPOLOGY": str(settings.topology),
    }


def supervise(processes: Sequence[Child], console: Console, stop: Stop) -> None:
    """Keep the processes running until `stop`; what dies comes back, later each time it dies soon again.

    They are started in this order and stopped in the opposite one. Raises ConfigurationError when one refuses its
    configuration.
    """
    started: dict[str, float] = {}
    deaths = dict.fromkeys((child.name for child in processes), 0)
    due: dict[str, float] = {child.name: 0.0 for child in processes}
    try:
        while not stop.requested:
            now = time.monotonic()
            for child in processes:
                name = child.name
                if child.running:
                    continue
                if name in started:
                    _tell_end(child, console)
                    deaths[name] = 1 if now - started.pop(name) > _STEADY_S else deaths[name] + 1
                    due[name] = now + _BACKOFF_S[min(deaths[name], len(_BACKOFF_S)) - 1]
                if now >= due[name]:
                    child.start()
                    started[name] = now
                    console.print(f"  {name}: process {child.pid}, log {child.log_file}")
            stop.wait(_POLL_S)
    finally:
        for child in reversed(processes):
            if child.running:
                console.print(f"stopping {child.name}")
            child.stop()


def _tell_end(child: Child, console: Console) -> None:
    if child.exit_code == _BAD_CONFIGURATION:
        raise ConfigurationError(
            f"{child.name} refuses its configuration:\n{child.last_words()}", f"All of its log: {child.log_file}"
        )
    console.print(f"[bold red]{child.name} ended[/] with exit code {child.exit_code} and is started again:")
    console.print(child.last_words(), markup=False)
    console.print(f"  all of its log: {child.log_file}", markup=False)
