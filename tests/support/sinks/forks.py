"""Sinks and commands as processes, forked from one that has imported what they need: a start takes milliseconds."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).parents[3]
_LOOK_S: Final = 0.01


class Child:
    """A process that the parent has forked for us; as `subprocess.Popen` has it, safe for several threads."""

    def __init__(self, pid: int, told: int) -> None:
        self.pid = pid
        self._told = told
        """Where the parent writes its exit code."""
        self._code: int | None = None
        self._reading = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, -n for signal n; None while it runs."""
        with self._reading:
            if self._code is None and select.select([self._told], [], [], 0.0)[0]:
                # nothing: the parent is gone, and its children with it
                self._code = int(os.read(self._told, 16) or -signal.SIGKILL)
                os.close(self._told)
            return self._code

    def wait(self, timeout_s: float = 30.0) -> int:
        """Its exit code, once it has ended. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            if (left_s := deadline - time.monotonic()) <= 0:
                raise TimeoutError(f"process {self.pid} runs after {timeout_s:g} s")
            time.sleep(min(left_s, _LOOK_S))
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class Parent:
    """The process that forks (`tests.support.sinks.forking`), as whoever wants children sees it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.sinks.forking"],
                stdin=theirs.fileno(),
                cwd=ROOT,
                # Libraries that make threads at once would make them before the fork.
                env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        atexit.register(self.close)

    def sink(self, sink_id: str, env: Mapping[str, str], log: IO[bytes]) -> Child:
        """Run a sink in a process of its own, with this environment and no other. All that it says goes to `log`."""
        return self._fork({"sink": sink_id, "env": dict(env)}, log, log)

    def command(self, arguments: Sequence[str], env: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> Child:
        """The same for a command of `ironstream`."""
        return self._fork({"command": list(arguments), "env": dict(env)}, out, err)

    def _fork(self, request: Mapping[str, object], out: IO[bytes], err: IO[bytes]) -> Child:
        told, tell = os.pipe()
        try:
            with self._asking:
                fds = [out.fileno(), err.fileno(), tell]
                socket.send_fds(self._socket, [json.dumps(request).encode()], fds)
                answer = self._socket.recv(64)
        finally:
            os.close(tell)
        assert answer, "the process that forks has ended; what it had to say is on stderr"
        return Child(int(answer), told)

    def close(self) -> None:
        """End it, and all of its children."""
        self._socket.close()
        self._process.wait()


@cache
def parent() -> Parent:
    """The one of this process, which imports while we do something else."""
    return Parent()
