"""Child processes that never outlive their parent, however it dies: each runs below the guard of the embedded Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ironstream.embedded import guard

STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05


def python(*arguments: str) -> list[str]:
    """Command that runs Python as this process does; -P keeps a folder `agents` of wherever we are out of the way."""
    return [sys.executable, "-P", *arguments]


def ironstream(*arguments: str) -> list[str]:
    """Command that runs `ironstream`."""
    return python("-m", "ironstream.cli", *arguments)


class Child:
    """One child process; its output goes to `log_file`, at the end of what is there.

    It has a session of its own: Ctrl-C reaches the parent alone, which stops its children in the right order.
    """

    def __init__(self, name: str, command: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log_file = log_file
        self._command = list(command)
        self._env = dict(env) if env is not None else None
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._log_start = 0
        self._asked_to_end = False

    @property
    def pid(self) -> int | None:
        """Process id of the child itself (not of its guard)."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code once it has ended, 128 + n for signal n."""
        return self._guard.poll() if self._guard is not None else None

    def start(self) -> None:
        """Start it; returns when its process exists."""
        self._asked_to_end = False
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            # the guard keeps a descriptor open for its command, here that of the log
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(log.fileno()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                pass_fds=[log.fileno()],
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as told:
            line = told.readline().strip()
        self._pid = int(line) if line else None

    def terminate(self) -> None:
        """Ask it to end (SIGTERM). Asks once: a second signal could end it in the middle of stopping."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self._signal(signal.SIGTERM)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask it to end, wait, and end it by force when it does not. May be called when nothing runs."""
        if self._guard is None:
            return
        self.terminate()
        try:
            self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL) and wait until it is gone."""
        if self._guard is None:
            return
        self._signal(signal.SIGKILL)
        try:
            self._guard.wait(5)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()

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

    def _signal(self, number: signal.Signals) -> None:
        # the guard waits for the command, so while the guard runs the id cannot have passed to another process
        if self._pid is not None and self.running:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return
