"""Child processes of a command that runs several: what dies comes back, and all end with the command."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from ironstream.commands.children import STOP_TIMEOUT_S, Child
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


def supervise(
    processes: Sequence[Child], console: Console, stop: Stop, more: Callable[[], Sequence[Child]] = tuple
) -> None:
    """Keep the processes running until `stop`; what dies comes back, later each time it dies soon again.

    `more` is asked all the time which others are to run: one that is new is started, one that is no longer among them
    is stopped, and the rest are left alone. They are started in this order and all stopped in the opposite one. Raises
    ConfigurationError when one that was there at the start refuses its configuration at once.
    """
    watched: dict[str, _Watched] = {}
    first = True
    try:
        while not stop.requested:
            wanted = {child.name: child for child in (*processes, *more())}
            for name, child in wanted.items():
                watched.setdefault(name, _Watched(child, console, from_the_start=first))
            first = False
            for name, one in list(watched.items()):
                if name in wanted:
                    one.keep(time.monotonic())
                elif one.has_gone(time.monotonic()):
                    del watched[name]
            stop.wait(_POLL_S)
    finally:
        for one in reversed(watched.values()):
            if one.child.running:
                console.print(f"stopping {one.child.name}")
            one.child.stop()


@dataclass(slots=True)
class _Watched:
    """A child, and what it has done so far."""

    child: Child
    console: Console
    from_the_start: bool
    started_s: float | None = None
    due_s: float = 0.0
    deaths: int = 0
    leaving_s: float | None = None

    def keep(self, now_s: float) -> None:
        """Start it when it is not there and its time has come."""
        if self.child.running:
            # also one that was asked to end and is wanted again: it is started once it has ended
            return
        if self.started_s is not None:
            if self.leaving_s is None:
                self._died(now_s)
            self.started_s = self.leaving_s = None
        if now_s >= self.due_s:
            self.child.start()
            self.started_s = now_s
            self.console.print(f"  {self.child.name}: process {self.child.pid}, log {self.child.log_file}")

    def has_gone(self, now_s: float) -> bool:
        """Ask it to end, and end it by force when it does not; nobody else waits for it meanwhile."""
        if not self.child.running:
            return True
        if self.leaving_s is None:
            self.console.print(f"stopping {self.child.name}, which the topology does not have any more")
            self.child.terminate()
            self.leaving_s = now_s
        elif now_s - self.leaving_s > STOP_TIMEOUT_S:
            self.child.kill()
        return False

    def _died(self, now_s: float) -> None:
        assert self.started_s is not None
        lived_s = now_s - self.started_s
        refused = self.child.exit_code == _BAD_CONFIGURATION
        if refused and self.from_the_start and not self.deaths and lived_s < _STEADY_S:
            raise ConfigurationError(
                f"{self.child.name} refuses its configuration:\n{self.child.last_words()}",
                f"All of its log: {self.child.log_file}",
            )
        self.deaths = 1 if lived_s > _STEADY_S else self.deaths + 1
        self.due_s = now_s + _BACKOFF_S[min(self.deaths, len(_BACKOFF_S)) - 1]
        said = "refuses its configuration" if refused else f"ended with exit code {self.child.exit_code}"
        self.console.print(f"[bold red]{self.child.name} {said}[/] and is started again:")
        self.console.print(self.child.last_words(), markup=False)
        self.console.print(f"  all of its log: {self.child.log_file}", markup=False)
