"""Followers that end are begun again, and what is down is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import pytest

from ironstream.web.contact import Contact
from ironstream.web.routes.health import SILENT_S, health_of
from ironstream.web.supervised import Supervised
from tests.support.web_memory import MemoryPlant


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  a time that passes has no event
            await asyncio.sleep(0.005)


async def test_a_follower_that_a_defect_ends_begins_again_and_is_down_until_it_goes_on() -> None:
    begun: list[float] = []
    go_on = asyncio.Event()

    async def follow() -> None:
        begun.append(asyncio.get_running_loop().time())
        if len(begun) < 4:
            raise ValueError("a row of another release")
        await go_on.wait()

    supervised = Supervised(again_s=0.02, settled_s=0.05)
    supervised.run(follow, "live")
    await until(lambda: bool(begun))
    await until(lambda: supervised.down == ["live"])
    await until(lambda: len(begun) == 4)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert all(pause >= least for pause, least in zip(pauses, (0.02, 0.04, 0.08), strict=True))
    await until(lambda: not supervised.down)
    await supervised.close()


async def test_work_that_is_done_is_not_begun_again_and_none_outlives_its_supervisor() -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def done() -> None:
        begun.append("done")

    async def lasting() -> None:
        begun.append("lasting")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lasting")

    supervised = Supervised(again_s=0.001)
    supervised.run(done, "done")
    supervised.run(lasting, "lasting")
    await until(lambda: len(begun) == 2)
    await supervised.close()
    assert (sorted(begun), ended, supervised.down) == (["done", "lasting"], ["lasting"], [])


def test_health_names_what_is_not_followed() -> None:
    plant = MemoryPlant()
    assert (health_of(plant).status, health_of(plant).down) == ("ok", [])
    plant.live.contact.lost("no broker")
    plant.topology.statuses.lost("no broker")
    health = health_of(plant)
    assert (health.status, health.kafka, health.down) == ("degraded", "connected", ["live", "statuses"])


def test_a_follower_that_says_nothing_any_more_is_down_though_its_last_answer_was_good() -> None:
    plant, now = MemoryPlant(), [0.0]
    plant.alarm_state.contact = Contact(lambda: now[0])
    plant.alarm_state.contact.heard()
    now[0] = SILENT_S + 1
    health = health_of(plant)
    assert (health.status, health.kafka, health.behind_s) == ("degraded", "unreachable", SILENT_S + 1)
    assert health.down == ["state of alarms"]


@pytest.mark.parametrize("key", [None, b"\xff"])
def test_a_status_that_names_nobody_is_passed_over(key: bytes | None) -> None:
    plant = MemoryPlant()
    plant.topology._take(SimpleNamespace(key=key, value=b"{}", timestamp=1), live=True)
    assert plant.topology.present == []
