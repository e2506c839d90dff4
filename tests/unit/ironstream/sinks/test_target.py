from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import pytest

from ironstream.errors import ConfigurationError
from ironstream.sinks.breaker import OPENS_AFTER, Breaker
from ironstream.sinks.http.progress import Progress
from ironstream.sinks.sink import Cut, Refusal, SinkUnavailableError
from ironstream.sinks.stats import SinkStats
from ironstream.sinks.target import Target
from tests.support.virtual_time import virtually

Do = Callable[[], Awaitable[Any]]


def nobody() -> bool:
    return False


def cut(topic: str = "telemetry.clean") -> Cut[Any]:
    return Cut(topic, [])


def now() -> float:
    return asyncio.get_running_loop().time()


class Scripted:
    """A sink whose connects and writes do what they are told, one after the other; then they succeed."""

    def __init__(self, connects: Sequence[Do] = (), writes: Sequence[Do] = ()) -> None:
        self.connects, self.writes = list(connects), list(writes)
        self.did: list[str] = []

    async def connect(self) -> None:
        self.did.append("connect")
        if self.connects:
            await self.connects.pop(0)()

    async def write(self, cut: Cut[Any]) -> Sequence[Refusal]:
        self.did.append(f"write {cut.topic}")
        if self.writes:
            found: Sequence[Refusal] = await self.writes.pop(0)() or ()
            return found
        return ()

    async def close(self) -> None:
        self.did.append("close")


def away(retry_after_s: float | None = None, progressed: bool = False) -> Do:
    async def fail() -> None:
        raise SinkUnavailableError("away", "wait", retry_after_s=retry_after_s, progressed=progressed)

    return fail


class Api:
    """A sink of `requests` requests a cut, which keeps what was answered; `fails` says whether one fails this time."""

    def __init__(self, requests: int, fails: Callable[[int], bool]) -> None:
        self._requests, self._fails = requests, fails
        self._progress: Progress[bool] = Progress()
        self.asked: Counter[int] = Counter()

    async def connect(self) -> None:
        pass

    async def write(self, cut: Cut[Any]) -> Sequence[Refusal]:
        with self._progress.attempt(cut.topic, "first") as answered:
            for number in range(self._requests):
                if str(number) in answered:
                    continue
                self.asked[number] += 1
                if self._fails(number):
                    raise SinkUnavailableError("busy")
                answered[str(number)] = True
        return ()


async def stuck() -> None:
    await asyncio.sleep(1e9)


async def fine() -> None:
    pass


def target_of(sink: Any, stats: SinkStats | None = None, breaker: Breaker | None = None) -> Target:
    return Target(sink, 60.0, stats or SinkStats("s"), breaker or Breaker(random=Random(5)))


W = "write telemetry.clean"


def test_it_connects_once_and_again_after_each_failure() -> None:
    sink = Scripted(connects=[away(), away()], writes=[fine, away(), fine, away()])

    async def main() -> None:
        target = target_of(sink)
        for _ in range(3):
            assert await target.write(cut(), nobody) == ()
        await target.close()

    virtually(main())
    failing = ["connect", "connect", "connect", W, W, "connect", W, W, "connect", W]
    assert sink.did == [*failing, "close"]


def test_a_failure_that_leaves_the_connection_good_needs_no_new_one() -> None:
    class BusyError(SinkUnavailableError):
        reconnect = False

    async def busy() -> None:
        raise BusyError("busy")

    sink = Scripted(writes=[busy, busy, away(), busy])

    async def main() -> None:
        assert await target_of(sink).write(cut(), nobody) == ()

    virtually(main())
    assert sink.did == ["connect", W, W, W, "connect", W, W]


def test_a_cut_that_gets_further_at_each_try_is_not_held_back_however_many_it_takes() -> None:
    sink, breaker = Scripted(writes=[away(progressed=True)] * 20), Breaker(random=Random(5))

    async def main() -> None:
        began = now()
        assert await target_of(sink, breaker=breaker).write(cut(), nobody) == ()
        assert 10 <= now() - began <= 20
        assert not breaker.is_open

    virtually(main())
    assert sink.did.count(W) == 21


def test_what_a_target_asks_for_is_waited_for_also_when_it_took_a_part() -> None:
    sink = Scripted(writes=[away(retry_after_s=100.0, progressed=True)] * 3)

    async def main() -> None:
        began = now()
        assert await target_of(sink).write(cut(), nobody) == ()
        assert 300 <= now() - began < 301

    virtually(main())


def test_an_api_that_fails_one_request_in_seven_takes_cuts_of_many() -> None:
    random, breaker = Random(14), Breaker(random=Random(5))
    sink = Api(21, lambda number: random.random() < 0.14)
    opened = 0

    async def main() -> None:
        nonlocal opened
        target, began = target_of(sink, breaker=breaker), now()
        for _ in range(100):
            assert await target.write(cut(), nobody) == ()
            opened += breaker.is_open
        assert now() - began < 100 * 6, "some tries of a second each"

    virtually(main())
    assert opened == 0
    assert sink.asked.total() < 100 * 21 * 1.25


def test_a_request_that_always_fails_is_asked_no_more_often_for_what_was_taken_before_it() -> None:
    async def asked(poisoned: int) -> Counter[int]:
        sink, breaker, began = Api(21, lambda number: number == poisoned), Breaker(random=Random(5)), now()
        assert await target_of(sink, breaker=breaker).write(cut(), lambda: now() - began > 3600) is None
        assert breaker.is_open
        return sink.asked

    alone, after_others = virtually(asked(0)), virtually(asked(7))
    assert OPENS_AFTER + 3600 / 30 < alone[0] < OPENS_AFTER + 3600 / 15
    assert abs(after_others[7] - alone[0]) <= 10, "as often as one that nothing was taken before"
    assert [after_others[number] for number in range(21) if number != 7] == [1] * 7 + [0] * 13


def test_a_write_that_takes_too_long_is_given_up_and_repeated() -> None:
    sink, stats = Scripted(writes=[stuck]), SinkStats("s")

    async def main() -> None:
        began = now()
        assert await target_of(sink, stats).write(cut(), nobody) == ()
        assert 60 < now() - began < 62

    virtually(main())
    assert sink.did == ["connect", W, "connect", W]
    assert stats.registry.get_sample_value("ironstream_sink_errors_total", {"sink": "s", "type": "timeout"}) == 1
    assert stats.last_error == "the write took longer than 60 s"
    assert not stats.failing


def test_a_connect_that_hangs_is_given_up_too() -> None:
    sink = Scripted(connects=[stuck])

    async def main() -> None:
        assert await target_of(sink).write(cut(), nobody) == ()

    virtually(main())
    assert sink.did == ["connect", "connect", W]


def test_a_sink_that_ran_out_of_time_itself_is_no_write_of_sixty_seconds() -> None:
    async def too_slow() -> None:
        raise TimeoutError("no answer from the pool")

    stats = SinkStats("s")

    async def main() -> None:
        await target_of(Scripted(writes=[too_slow]), stats).write(cut(), nobody)

    virtually(main())
    assert stats.last_error == "the target did not answer in time: no answer from the pool"


@pytest.mark.parametrize("error", [ConfigurationError("another database", "name it"), KeyError("a defect")])
@pytest.mark.parametrize("at", ["connect", "write"])
def test_what_no_repeat_can_mend_comes_out_and_leaves_the_breaker_to_others(at: str, error: Exception) -> None:
    async def fail() -> None:
        raise error

    sink = Scripted(**{f"{at}s": [fail]})

    async def main() -> None:
        target = target_of(sink)
        with pytest.raises(type(error)):
            await target.write(cut(), nobody)
        assert await target.write(cut(), nobody) == ()

    virtually(main())


def test_what_is_refused_is_handed_on_and_no_failure() -> None:
    async def refuse() -> Sequence[Refusal]:
        return [Refusal(0, "refused", "no")]

    stats = SinkStats("s")

    async def main() -> None:
        assert await target_of(Scripted(writes=[refuse]), stats).write(cut(), nobody) == [Refusal(0, "refused", "no")]

    virtually(main())
    assert stats.errors_last_minute == 0


def test_a_cut_that_nobody_wants_any_more_is_given_up_while_the_target_is_away() -> None:
    sink = Scripted(writes=[away()] * 1000)

    async def main() -> None:
        began = now()
        assert await target_of(sink).write(cut(), lambda: now() - began > 300) is None
        assert now() - began < 301

    virtually(main())
    assert 10 < len(sink.did) < 60, "some tries in five minutes, none of them hasty"


def test_a_writer_that_is_cancelled_leaves_the_probe_to_the_next() -> None:
    sink = Scripted(writes=[away()] * 5 + [stuck])

    async def main() -> None:
        target = target_of(sink)
        first = asyncio.create_task(target.write(cut(), nobody))
        await asyncio.sleep(25)  # by then it probes, for as long as a write may take
        assert sink.did.count(W) == 6
        second = asyncio.create_task(target.write(cut("events.clean"), nobody))
        await asyncio.sleep(20)
        assert "write events.clean" not in sink.did
        first.cancel()
        assert await second == ()

    virtually(main())


def test_of_several_topics_one_probes_an_outage_and_all_go_on_after_it() -> None:
    topics = [f"telemetry.{size}s" for size in range(1, 8)]
    back_at = 0.0

    async def write() -> None:
        if now() < back_at:
            await asyncio.sleep(0.1)
            raise SinkUnavailableError("away")

    class Outage(Scripted):
        under_way = most = 0

        async def write(self, cut: Cut[Any]) -> Sequence[Refusal]:
            self.did.append(cut.topic)
            self.under_way += 1
            if now() - began > 1:
                self.most = max(self.most, self.under_way)
            try:
                await write()
            finally:
                self.under_way -= 1
            return ()

    sink = Outage()
    began = 0.0

    async def main() -> None:
        nonlocal back_at, began
        began, back_at = now(), now() + 600
        target = target_of(sink)
        assert await asyncio.gather(*(target.write(cut(topic), nobody) for topic in topics)) == [()] * 7
        assert 600 <= now() - began <= 631, "the longest pause after it is back"

    virtually(main())
    assert sink.most == 1, "one writer at a time tries while it is away"
    assert sum(did != "connect" for did in sink.did) < 60


def test_the_failure_of_an_old_connection_does_not_take_away_the_new_one() -> None:
    slow_failure = asyncio.Event()

    async def fails_late() -> None:
        await slow_failure.wait()
        raise SinkUnavailableError("the old connection is gone")

    sink = Scripted(writes=[fails_late, away()])

    async def main() -> None:
        target = target_of(sink)
        late = asyncio.create_task(target.write(cut("events.clean"), nobody))
        await asyncio.sleep(1)
        await target.write(cut(), nobody)
        slow_failure.set()
        assert await late == ()
        assert sink.did.count("connect") == 2

    virtually(main())
