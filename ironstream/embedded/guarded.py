"""A process that never outlives this one, however this one dies: it runs below a guard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from ironstream.embedded import guard
from ironstream.embedded.account import Account

_GONE_S: Final = 5.0


class GuardedProcess:
    """One process, which can be launched again when it has ended.

    It has a session of its own: Ctrl-C reaches the parent alone, which stops its children in the right order.
    `polite` is the signal that asks it to end in order.
    """

    def __init__(self, polite: signal.Signals = signal.SIGTERM) -> None:
        self._polite = polite
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._asked_to_end = False

    @property
    def pid(self) -> int | None:
        """Process id of the command itself (not of its guard), also when it has ended; None before the first launch."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code once it has ended, 128 + n for signal n."""
        return self._guard.poll() if self._guard is not None else None

    def launch(
        self,
        command: Sequence[str],
        output: IO[bytes],
        *,
        kept: int,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        account: Account | None = None,
    ) -> None:
        """Start `command`; returns when its process exists. All that it writes goes to `output`.

        The descriptor `kept` stays open in the guard and in the command, and with it a lock that it holds. It runs in
        `folder` (else in ours), as `account` (else as we do).
        """
        runs_as = f"{account.uid}:{account.gid}" if account else "-"
        self._asked_to_end = False
        self._guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", guard.__file__),
                *(str(os.getpid()), str(kept), str(int(self._polite)), runs_as),
                *command,
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env=env,
            pass_fds=[kept],
            start_new_session=True,
        )
        assert self._guard.stdout is not None
        with self._guard.stdout as answer:
            line = answer.readline().strip()
        self._pid = int(line) if line else None

    def terminate(self) -> None:
        """Ask it to end, politely. Asks once: a second signal could end it in the middle of stopping."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self._signal(self._polite)

    def wait(self, timeout_s: float) -> None:
        """Wait until it has ended, at most so long."""
        if self._guard is not None:
            try:
                self._guard.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return

    def kill(self) -> None:
        """End it at once (SIGKILL), after 5 s its guard too, and wait for that. May be called when nothing runs."""
        if self._guard is None:
            return
        self._signal(signal.SIGKILL)
        self.wait(_GONE_S)
        if self.running:
            self._guard.kill()
            self._guard.wait()

    def _signal(self, number: signal.Signals) -> None:
        # the guard waits for the command, so while the guard runs the id cannot have passed to another process
        if self._pid is not None and self.running:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return
