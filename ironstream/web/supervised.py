"""Work that goes on for ever is begun again when a defect ends it, and said to be down until it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Final

import structlog

_LOG = structlog.get_logger(__name__)
AGAIN_S: Final = 1.0
MOST_AGAIN_S: Final = 60.0
SETTLED_S: Final = 10.0
"""What has run for so long goes on: what ends it later is another matter."""
Work = Callable[[], Coroutine[None, None, None]]


class Supervised:
    """Tasks by name. One that raises is begun again after 1 s, then 2, 4, up to 60 s; one that returns is done.

    `again_s` is the first pause, `settled_s` how long a task must have run to count as going on.
    """

    def __init__(self, again_s: float = AGAIN_S, settled_s: float = SETTLED_S) -> None:
        self._again_s = again_s
        self._settled_s = settled_s
        self._tasks: list[asyncio.Task[None]] = []
        self._since_s: dict[str, float | None] = {}
        """When those that have ended were begun again; None: they wait for it."""

    @property
    def down(self) -> list[str]:
        """Those that ended, and have not gone on for long enough since."""
        now_s = time.monotonic()
        return sorted(
            name for name, since_s in self._since_s.items() if since_s is None or now_s < since_s + self._settled_s
        )

    def run(self, work: Work, name: str) -> None:
        """Begin one more."""
        self._tasks.append(asyncio.create_task(self._keep_up(work, name), name=f"supervisor of {name}"))

    async def close(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_up(self, work: Work, name: str) -> None:
        pause_s = self._again_s
        while True:
            began_s = time.monotonic()
            task = asyncio.create_task(work(), name=name)
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            # nobody else cancels it: one that cancels itself has ended too
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                self._since_s.pop(name, None)
                return
            if time.monotonic() >= began_s + self._settled_s:
                pause_s = self._again_s
            # a defect: what was read before goes on being shown, with its age
            _LOG.error("follower_ended", task=name, again_in_s=pause_s, exc_info=error)
            self._since_s[name] = None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_AGAIN_S)
            self._since_s[name] = time.monotonic()
