"""Named points at which a worker can be made to die, for fault tests.

`IRONSTREAM_CRASH_AT=after_changelog:3` kills the process (SIGKILL, as a power cut would) when it comes to that point
for the third time; without a number, the first time. Nothing happens where the variable is not set.
"""

from __future__ import annotations

import os
import signal
from typing import Final, Literal, get_args

from ironstream.errors import ConfigurationError

VARIABLE: Final = "IRONSTREAM_CRASH_AT"
WorkerPoint = Literal[
    "after_outputs", "after_changelog", "after_rocksdb", "before_offsets", "in_restore", "in_revoke"
]  # fmt: skip
"""Those of a commit and a rebalance."""
SinkPoint = Literal["before_write", "in_write", "after_write", "before_offsets"]
"""Those of a sink's write and of the commit that follows. `in_write` is where a part of it is done."""
CrashPoint = Literal[WorkerPoint, SinkPoint]


def armed(setting: str | None) -> tuple[str, int] | None:
    """The point that a setting names, and at which visit to it the process dies.

    Raises ConfigurationError for one that names none.
    """
    if not setting:
        return None
    name, _, count = setting.partition(":")
    if name not in get_args(CrashPoint) or not (count or "1").isdigit() or int(count or 1) < 1:
        raise ConfigurationError(
            f"{VARIABLE}={setting} names no crash point.",
            f"Unset it, or take one of {', '.join(get_args(CrashPoint))}, with :N for the Nth visit.",
        )
    return name, int(count or 1)


class _Countdown:
    """What is left until the armed point kills the process."""

    def __init__(self, setting: str | None) -> None:
        point = armed(setting)
        self.name, self.left = point if point is not None else ("", 0)


_countdown: Final = _Countdown(os.environ.get(VARIABLE))


def crash_point(name: CrashPoint) -> None:
    """Die here if the environment says so."""
    if name != _countdown.name:
        return
    _countdown.left -= 1
    if not _countdown.left:
        os.kill(os.getpid(), signal.SIGKILL)
