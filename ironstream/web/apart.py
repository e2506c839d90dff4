"""Work that takes long, in a thread with an event loop of its own: what is live goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine gives or raises that `make` makes, in the thread: also what it uses of a loop is made there.

    Whoever is cancelled here cancels it there, and goes on when it has ended.
    """
    here, begun = asyncio.get_running_loop(), asyncio.Event()
    there: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def work() -> T:
        task = asyncio.current_task()
        assert task is not None
        there.append((asyncio.get_running_loop(), task))
        here.call_soon_threadsafe(begun.set)
        return await make()

    running = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(work())))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await begun.wait()
        for loop, task in there:
            # its loop may be closed by now: then it has ended
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
        await asyncio.gather(running, return_exceptions=True)
        raise
