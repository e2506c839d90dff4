"""What was made at great cost is kept for a moment, and nothing of it longer."""

from __future__ import annotations

import asyncio

import pytest

from ironstream.web.problems import ApiError
from tests.support.web_memory import MemoryPlant


async def test_of_many_that_ask_at_once_one_has_it_made() -> None:
    plant, made = MemoryPlant(), []

    async def make() -> int:
        made.append(1)
        await asyncio.sleep(0)
        return len(made)

    assert await asyncio.gather(*(plant.heavy.remembered("books", 60, make) for _ in range(5))) == [1] * 5
    assert not plant.heavy.making


async def test_nothing_is_left_of_what_failed_or_is_over() -> None:
    plant = MemoryPlant()

    async def fail() -> int:
        raise ApiError(503, "away")

    async def make() -> int:
        return 1

    for number in range(100):
        with pytest.raises(ApiError):
            await plant.heavy.remembered(number, 60, fail)
    await plant.heavy.remembered("books", 0.001, make)
    async with asyncio.timeout(30):
        while plant.heavy.made:  # noqa: ASYNC110  a time that passes has no event
            await asyncio.sleep(0.001)
    assert not plant.heavy.making
