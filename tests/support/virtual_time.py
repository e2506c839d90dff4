"""An event loop whose clock jumps: what waits for hours waits for nothing, and always in the same order.

There are no threads: what is given to one is done at once. Where nothing could ever happen any more, it says so.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns, run on such a loop. Raises StalledError when all wait for one another."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


class StalledError(AssertionError):
    """Everybody waits, and no time that passes will change that."""


class _Clock(selectors.DefaultSelector):
    """Waits for nothing; the time that it should have waited has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StalledError("nothing will ever happen any more")
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class _AtOnce(ThreadPoolExecutor):
    """No thread."""

    def submit(  # type: ignore[override]  # the same, without positional-only parameters
        self, function: Callable[..., T], *args: Any, **kwargs: Mapping[str, Any]
    ) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(function(*args, **kwargs))
        except Exception as err:  # what a thread would hand over, too
            done.set_exception(err)
        return done


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Clock()
        super().__init__(self._virtual)
        executor: Executor = _AtOnce(1)
        self.set_default_executor(executor)  # type: ignore[arg-type]  # asyncio names the class that it derives from

    def time(self) -> float:
        return self._virtual.now_s

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing: there is no thread to wait for. asyncio's way starts one, whose end is no event of this clock."""
