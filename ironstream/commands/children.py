"""Child processes of the commands: they never outlive their parent, and what they say is kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ironstream.embedded.guarded import GuardedProcess

STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05


def python(*arguments: str) -> list[str]:
    """Command that runs Python as this process does; -P keeps a folder `agents` of wherever we are out of the way."""
    return [sys.executable, "-P", *arguments]


def ironstream(*arguments: str) -> list[str]:
    """Command that runs `ironstream`."""
    return python("-m", "ironstream.cli", *arguments)


class Child(GuardedProcess):
    """A command that can be run again and again; its output goes to `log_file`, at the end of what is there."""

    def __init__(self, name: str, command: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.log_file = log_file
        self._command = list(command)
        self._env = dict(env) if env is not None else None
        self._log_start = 0

    def start(self) -> None:
        """Start it; returns when its process exists."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self.launch(self._command, log, kept=log.fileno(), env=self._env)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask it to end, wait, and end it by force when it does not. May be called when nothing runs."""
        self.terminate()
        try:
            self.wait(timeout_s)
        finally:
            self.kill()

    def said(self) -> str:
        """What it has written since its start."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def last_words(self, lines: int = 12) -> str:
        """The end of what it has written, indented."""
        said = [line for line in self.said().splitlines() if line.strip()]
        return "\n".join(f"    {line}" for line in said[-lines:]) or "    (nothing)"

    def wait_for(self, text: str, timeout_s: float) -> str | None:
        """The first line that contains `text`, or None when the child ended or the time passed before it came."""
        deadline = time.monotonic() + timeout_s
        while True:
            alive = self.running
            for line in self.said().splitlines():
                if text in line:
                    return line
            if not alive or time.monotonic() > deadline:
                return None
            time.sleep(_POLL_S)
