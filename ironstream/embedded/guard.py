"""Runs a command and ends it when the process that asked for it is gone, also by kill -9.

    python guard.py PARENT_PID LOCK_FD SIGNAL ACCOUNT COMMAND [ARGUMENT ...]

SIGNAL is the number of the signal that asks the command to end, ACCOUNT the `UID:GID` that it runs as, or `-`. Prints
the command's process id, then waits for its end and exits with its code. The kernel's own means (PR_SET_PDEATHSIG)
alone would not do for the command: it follows the *thread* that started it, and it can only signal at once, while Kafka
loses no time at its next start when it was asked to stop. Uses the standard library alone, so that it starts in a few
milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from typing import Any

POLL_S = 1.0
STOP_S = 20.0
_PR_SET_PDEATHSIG = 1


def _die_with_guard() -> None:
    # the guard has one thread, so here the signal does mean that the guard itself is gone; it runs after the change of
    # account, which would undo it
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _as_account(account: str) -> dict[str, Any]:
    if account == "-":
        return {}
    user, group = map(int, account.split(":"))
    return {"user": user, "group": group, "extra_groups": []}


def main(arguments: list[str]) -> int:
    """Run the command until it ends, or until the parent is gone."""
    parent, lock, polite = (int(number) for number in arguments[:3])
    account, command = arguments[3], arguments[4:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # stdout belongs to the conversation with the parent; the command writes where the guard's errors go
    child = subprocess.Popen(command, stdout=2, pass_fds=[lock], preexec_fn=_die_with_guard, **_as_account(account))
    print(child.pid, flush=True)
    while child.poll() is None and os.getppid() == parent:
        if select.select([wake_read], [], [], POLL_S)[0] and signal.SIGTERM in os.read(wake_read, 64):
            child.send_signal(polite)
    if child.poll() is None:
        child.send_signal(polite)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
