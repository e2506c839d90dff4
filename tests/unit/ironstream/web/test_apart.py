"""Long work beside the loop that serves."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ironstream.errors import BrokerError
from ironstream.web.apart import apart


async def test_the_loop_goes_on_while_work_apart_stands_still() -> None:
    goes_on = threading.Event()

    async def work() -> bool:
        # on the loop of the test this would stand in the way of what it waits for
        return goes_on.wait(20)

    running = asyncio.create_task(apart(work))
    await asyncio.sleep(0.01)
    goes_on.set()

    assert await running is True


async def test_what_work_apart_raises_is_raised_here() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise BrokerError("away")

    with pytest.raises(BrokerError, match="away"):
        await apart(work)


async def test_who_is_cancelled_ends_the_work_apart_and_waits_for_that() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    running = asyncio.create_task(apart(work))
    await asyncio.to_thread(begun.wait, 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ended.is_set()
