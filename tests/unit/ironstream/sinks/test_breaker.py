from __future__ import annotations

import asyncio
from random import Random

import pytest

from ironstream.sinks.breaker import LONGEST_RETRY_AFTER_S, OPENS_AFTER, Admission, Breaker
from tests.support.virtual_time import virtually


def nobody() -> bool:
    return False


def now() -> float:
    return asyncio.get_running_loop().time()


async def admitted(breaker: Breaker) -> Admission:
    admission = await breaker.admitted(nobody)
    assert admission is not None
    return admission


async def opened(breaker: Breaker) -> Breaker:
    for _ in range(OPENS_AFTER):
        breaker.failed(await admitted(breaker))
    assert breaker.is_open
    return breaker


async def wait_s(breaker: Breaker) -> float:
    """How long the next writer is held back; it is the probe and fails."""
    began = now()
    admission = await admitted(breaker)
    assert admission.probe
    passed = now() - began
    breaker.failed(admission)
    return passed


def test_it_opens_after_five_failures_in_a_row_and_before_that_each_waits_longer() -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(1))
        pauses = []
        for _ in range(OPENS_AFTER - 1):
            assert not breaker.is_open
            pauses.append(breaker.failed(await admitted(breaker)))
        assert [low <= pause <= 2 * low for low, pause in zip((0.5, 1, 2, 4), pauses, strict=True)] == [True] * 4
        assert breaker.failed(await admitted(breaker)) == 0.0
        assert breaker.is_open

    virtually(main())


def test_a_success_between_failures_begins_the_count_again() -> None:
    async def main() -> None:
        breaker = Breaker()
        for _ in range(3):
            for _ in range(OPENS_AFTER - 1):
                breaker.failed(await admitted(breaker))
            breaker.succeeded(await admitted(breaker))
        assert not breaker.is_open

    virtually(main())


def test_the_pause_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    async def main() -> None:
        breaker = await opened(Breaker(1.0, 30.0, Random(2)))
        full = (1, 2, 4, 8, 16, 30, 30, 30)
        for expected in full:
            assert expected / 2 <= await wait_s(breaker) <= expected
        breaker.succeeded(await admitted(breaker))
        assert not breaker.is_open
        await opened(breaker)
        assert 0.5 <= await wait_s(breaker) <= 1

    virtually(main())


def test_one_probe_only_and_its_success_lets_all_others_through_at_once() -> None:
    async def main() -> None:
        breaker = await opened(Breaker())
        waiting = [asyncio.create_task(admitted(breaker)) for _ in range(5)]
        await asyncio.sleep(100)
        (probe,) = [task.result() for task in waiting if task.done()]
        assert probe.probe
        breaker.succeeded(probe)
        began = now()
        assert sorted(one.probe for one in await asyncio.gather(*waiting)) == [False] * 4 + [True]
        assert now() == began

    virtually(main())


def test_a_probe_that_is_cancelled_lets_the_next_one_through() -> None:
    async def main() -> None:
        breaker = await opened(Breaker())
        probe = await admitted(breaker)
        waiting = asyncio.create_task(admitted(breaker))
        await asyncio.sleep(100)
        assert not waiting.done()
        breaker.let_go(probe)
        assert (await waiting).probe

    virtually(main())


def test_whoever_was_on_its_way_when_it_opened_neither_ends_the_probe_nor_lengthens_the_pause() -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(3))
        late = [await admitted(breaker) for _ in range(4)]
        await opened(breaker)
        assert breaker.failed(late[0]) == 0.0
        began = now()
        probe = await admitted(breaker)
        assert now() - began <= 1
        breaker.failed(late[1])
        breaker.let_go(late[2])
        breaker.succeeded(late[3])
        assert breaker.is_open
        waiting = asyncio.create_task(admitted(breaker))
        await asyncio.sleep(100)
        assert not waiting.done()
        breaker.succeeded(probe)
        assert not (await waiting).probe

    virtually(main())


def test_what_the_target_asks_for_holds_for_all_also_when_another_write_was_on_its_way_and_succeeds() -> None:
    async def main() -> None:
        breaker = Breaker()
        late = await admitted(breaker)
        breaker.failed(await admitted(breaker), retry_after_s=600)
        breaker.succeeded(late)
        began = now()
        await asyncio.gather(
            *(asyncio.wait_for(breaker.admitted(nobody), 599) for _ in range(3)), return_exceptions=True
        )
        assert now() - began == 599
        assert (await admitted(breaker)).probe
        assert 600 <= now() - began < 600.1

    virtually(main())


@pytest.mark.parametrize(("asked", "waits"), [(1e12, LONGEST_RETRY_AFTER_S), (float("nan"), 1), (-5.0, 1), (0.0, 1)])
def test_an_absurd_wish_of_the_target_is_not_followed(asked: float, waits: float) -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(4))
        breaker.failed(await admitted(breaker), asked)
        assert breaker.is_open
        assert waits / 2 <= await wait_s(breaker) <= waits

    virtually(main())


def test_failures_that_make_progress_never_open_it_and_each_waits_as_the_first() -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(5))
        for _ in range(50):
            assert 0.5 <= breaker.failed(await admitted(breaker), progressed=True) <= 1
            assert not breaker.is_open

    virtually(main())


def test_progress_begins_the_count_again_and_what_fails_after_it_opens_the_breaker_as_ever() -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(6))
        for _ in range(OPENS_AFTER - 1):
            breaker.failed(await admitted(breaker))
        pauses = [breaker.failed(await admitted(breaker), progressed=True)]
        while not breaker.is_open:
            pauses.append(breaker.failed(await admitted(breaker)))
        assert [low <= pause <= 2 * low for low, pause in zip((0.5, 1, 2, 4), pauses[:-1], strict=True)] == [True] * 4
        assert 0.5 <= await wait_s(breaker) <= 1

    virtually(main())


def test_a_probe_that_fails_with_progress_closes_it_for_all() -> None:
    async def main() -> None:
        breaker = await opened(Breaker(1.0, 30.0, Random(7)))
        for _ in range(5):
            await wait_s(breaker)
        probe = await admitted(breaker)
        waiting = [asyncio.create_task(admitted(breaker)) for _ in range(3)]
        await asyncio.sleep(10)
        assert 0.5 <= breaker.failed(probe, progressed=True) <= 1
        assert not breaker.is_open
        began = now()
        assert not any(one.probe for one in await asyncio.gather(*waiting))
        assert now() == began
        for _ in range(OPENS_AFTER - 1):
            breaker.failed(await admitted(breaker))
        assert 0.5 <= await wait_s(breaker) <= 1, "the pauses begin anew as well"

    virtually(main())


@pytest.mark.parametrize("probing", [False, True])
def test_what_the_target_asks_for_holds_for_all_also_after_progress(probing: bool) -> None:
    async def main() -> None:
        breaker = await opened(Breaker(1.0, 30.0, Random(8))) if probing else Breaker(1.0, 30.0, Random(8))
        assert breaker.failed(await admitted(breaker), 600.0, progressed=True) == 0.0
        began = now()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(breaker.admitted(nobody), 199)
        assert (await admitted(breaker)).probe
        assert 600 <= now() - began < 600.1

    virtually(main())


def test_progress_of_one_that_was_on_its_way_when_it_opened_does_not_close_it() -> None:
    async def main() -> None:
        breaker = Breaker(1.0, 30.0, Random(9))
        late = await admitted(breaker)
        breaker.failed(await admitted(breaker), retry_after_s=600)
        assert breaker.failed(late, progressed=True) == 0.0
        assert breaker.is_open
        began = now()
        assert (await admitted(breaker)).probe
        assert 600 <= now() - began < 600.1

    virtually(main())


def test_an_abandoned_writer_does_not_wait() -> None:
    async def main() -> None:
        breaker = await opened(Breaker())
        breaker.failed(await admitted(breaker), 1000)
        began = now()
        assert await breaker.admitted(lambda: now() - began > 10) is None
        assert now() - began < 11

    virtually(main())
