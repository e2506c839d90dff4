"""The process that sinks and commands are forked from: it has imported what they need, and only forks and waits.

`tests.support.sinks.forks` starts it, with one end of a pair of sockets as its stdin. When nobody has the other end any
more, also after a kill -9, it kills its children (kill -9) and ends.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import ironstream.sink_process  # noqa: F401  # what a start would take its time for
from ironstream import cli
from ironstream.engine import crashpoints
from ironstream.sinks.registry import SINKS
from tests.support.sinks import journal

REQUEST_BYTES: Final = 1 << 18
_PR_SET_PDEATHSIG: Final = 1


class Forking:
    """Forks when it is asked to, and tells how each child ended."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._tell: dict[int, int] = {}

    def run(self) -> Mapping[str, Any] | None:
        """Fork until nobody is there to ask. In a child it returns too: with what the child is to do."""
        while True:
            ready, _, _ = select.select([self._asked.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._tell_of_ended()
            if self._asked.fileno() not in ready:
                continue
            request, fds, _, _ = socket.recv_fds(self._asked, REQUEST_BYTES, 3)
            if not request:
                self._kill_all()
                return None
            pid = os.fork()
            if not pid:
                return self._become_child(json.loads(request), fds)
            out, err, self._tell[pid] = fds
            os.close(out)
            os.close(err)
            self._asked.send(str(pid).encode())

    def _tell_of_ended(self) -> None:
        for pid, tell in list(self._tell.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(tell)
                del self._tell[pid]

    def _kill_all(self) -> None:
        for pid in self._tell:
            os.kill(pid, signal.SIGKILL)

    def _become_child(self, request: Mapping[str, Any], fds: Sequence[int]) -> Mapping[str, Any]:
        # the process that forks has one thread, so here the signal means that it is gone
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in enumerate((nothing, *fds[:2])):
            os.dup2(source, target)
        for descriptor in (nothing, *fds, self._woken, self._wake, *self._tell.values()):
            os.close(descriptor)
        self._asked.detach()  # it was 0
        os.environ.clear()
        os.environ.update(request["env"])
        # read when it was imported
        point = crashpoints.armed(os.environ.get(crashpoints.VARIABLE))
        crashpoints._countdown.name, crashpoints._countdown.left = point or ("", 0)
        return request


def main() -> None:
    """Fork, or do as a child what it was forked for."""
    for kind in SINKS:
        SINKS[kind]
    gc.collect()
    gc.freeze()
    request = Forking(socket.socket(fileno=0)).run()
    if request is None:
        return
    if "sink" in request:
        journal.run(request["sink"])
    else:
        sys.exit(cli.main(request["command"]))


if __name__ == "__main__":
    main()
