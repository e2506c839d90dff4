"""What the flow holds to, whatever is put in and however long writing takes; on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.api import Chunk, Record
from ironstream.sinks.flow import Flow
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal
from ironstream.sinks.stats import SinkStats
from tests.support.engine import chunk, record
from tests.support.virtual_time import StalledError, virtually

TOPIC = "telemetry.clean"
LIMITS = Limits(rows=10, age_s=1.0, held_rows=50)
BAD_TO_PREPARE, BAD_TO_WRITE, CONTROL = b"unreadable", b"refused", b"control"


@dataclass
class Followed:
    """A partition, as the engine has it."""

    closed: bool = False
    written: int = 0
    held_to_order: bool = True

    def wrote(self, next_offset: int) -> None:
        assert next_offset >= self.written or not self.held_to_order
        self.written = max(self.written, next_offset)


@dataclass
class Letters:
    """Dead letters: sent ones are with the broker when somebody waited for them."""

    sent: list[tuple[int, int, str]] = field(default_factory=list)
    settled_up_to: int = 0
    settle: Callable[[], Awaitable[None]] | None = None

    def send(self, record: Record, topic: str, partition: int, refusal: Refusal) -> None:
        assert topic == TOPIC
        self.sent.append((partition, record.offset, refusal.reason))

    async def settled(self, partitions: set[int]) -> None:
        sent = len(self.sent)
        if self.settle is not None:
            await self.settle()
        self.settled_up_to = sent


class Rows:
    """A sink's `prepare`: a row for each record but those that are bad or not data. Rows are (partition, offset)."""

    def __init__(self, nbytes: int = 100) -> None:
        self.nbytes = nbytes

    def prepare(self, one: Chunk) -> Prepared[list[tuple[int, int]]]:
        values = [record.value for record in one.records]
        places = [at for at, value in enumerate(values) if value not in (BAD_TO_PREPARE, CONTROL)]
        refusals = [Refusal(at, "malformed", "") for at, value in enumerate(values) if value == BAD_TO_PREPARE]
        rows = [(one.partition, int(one.records.offsets[at])) for at in places]
        return Prepared(rows, np.asarray(places, np.int64), self.nbytes * len(rows), refusals)


class Writer:
    """A target that checks what it gets; `pause_s` says how long each write takes."""

    def __init__(self, pause_s: Callable[[], float] = lambda: 0.0) -> None:
        self.cuts: list[list[tuple[int, int]]] = []
        self.pause_s = pause_s
        self.busy = False
        self.written: set[tuple[int, int]] = set()

    async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal] | None:
        assert not self.busy, "cuts of a topic are written one after the other"
        assert len(cut), "a cut without rows is not written"
        self.busy = True
        rows = [row for part in cut.parts for row in part.prepared.rows]
        self.cuts.append(rows)
        left_s = self.pause_s()
        while left_s > 0 and not abandoned():
            await asyncio.sleep(min(left_s, 0.1))
            left_s -= 0.1
        self.busy = False
        if abandoned():
            return None
        self.written |= set(rows)
        refused = [at for at in range(len(rows)) if cut.parts[0].chunk and cut.record(at)[1].value == BAD_TO_WRITE]
        return [Refusal(at, "refused", "") for at in refused]


@dataclass
class Rig:
    """A flow that runs."""

    limits: Limits = LIMITS
    writer: Writer = field(default_factory=Writer)
    letters: Letters = field(default_factory=Letters)
    sink: Any = field(default_factory=Rows)
    stats: SinkStats = field(default_factory=lambda: SinkStats("s"))

    async def __aenter__(self) -> Rig:
        self.flow = Flow(TOPIC, self.sink, self.limits, self.writer, self.letters, self.stats)
        self.running = asyncio.create_task(self.flow.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    @property
    def waiting(self) -> float:
        """Rows that are gathered, by the metric."""
        found = self.stats.registry.get_sample_value("ironstream_sink_rows_waiting", {"sink": "s", "topic": TOPIC})
        return found or 0.0


def records(first: int, count: int, partition: int = 0, value: bytes = b"good", at_ms: int = 0) -> Chunk:
    return chunk(TOPIC, [record(first + at, b"k", value, at_ms) for at in range(count)], partition)


def now() -> float:
    return asyncio.get_running_loop().time()


# -- what always holds ----------------------------------------------------------------------------------------------

values = st.sampled_from([b"good"] * 8 + [BAD_TO_PREPARE, BAD_TO_WRITE, CONTROL])
chunks = st.tuples(
    st.integers(0, 2),
    st.lists(st.tuples(values, st.integers(1, 3), st.integers(0, 4000)), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.0, 0.3, 2.0]),
)
limits = st.builds(
    Limits,
    rows=st.integers(1, 25),
    nbytes=st.sampled_from([300, 10**9]),
    age_s=st.sampled_from([0.05, 1.0, 1000.0]),
    by=st.sampled_from(["topic", "partition"]),
    held_rows=st.sampled_from([12, 30, 1000]),
    held_nbytes=st.sampled_from([2_000, 10**9]),
    record_time_s=st.sampled_from([None, 1.0]),
)


@given(st.lists(chunks, max_size=20), limits, st.lists(st.floats(0, 3), min_size=1, max_size=5))
def test_everything_is_written_in_order_or_a_dead_letter_before_its_offset_is_let_go(
    log: list[tuple[int, list[tuple[bytes, int, int]], float]], limits: Limits, pauses_s: list[float]
) -> None:
    fates: dict[tuple[int, int], bytes] = {}

    class Checked(Followed):
        def wrote(self, next_offset: int) -> None:
            super().wrote(next_offset)
            letters = set(rig.letters.sent[: rig.letters.settled_up_to])
            for (number, offset), fate in fates.items():
                if sources[number] is self and offset < next_offset:
                    assert fate in (CONTROL, BAD_TO_PREPARE) or (number, offset) in rig.writer.written
                    if fate == BAD_TO_PREPARE:
                        assert (number, offset, "malformed") in letters
                    if fate == BAD_TO_WRITE:
                        assert (number, offset, "refused") in letters

    turn = 0

    def pause_s() -> float:
        nonlocal turn
        turn += 1
        return pauses_s[turn % len(pauses_s)]

    sources = {number: Checked() for number in range(3)}
    rig = Rig(replace(limits, held_rows=max(limits.held_rows, 12)), Writer(pause_s))

    async def main() -> None:
        ends, times = dict.fromkeys(sources, 0), dict.fromkeys(sources, 0)
        async with rig:
            for number, rows, idle_s in log:
                made = []
                for value, step, ms in rows:
                    ends[number] += step
                    times[number] += ms
                    made.append(record(ends[number], b"k", value, times[number]))
                    fates[number, ends[number]] = value
                    ends[number] += 1
                # by value, as the writer sees them
                await rig.flow.put(chunk(TOPIC, made, number), sources[number])
                await asyncio.sleep(idle_s)
            await rig.flow.drain()
        assert {number: source.written for number, source in sources.items()} == ends

    virtually(main())
    data = sorted(place for place, fate in fates.items() if fate not in (BAD_TO_PREPARE, CONTROL))
    assert sorted(row for cut in rig.writer.cuts for row in cut) == data, "each row in one cut"
    for number in sources:
        offsets = [offset for cut in rig.writer.cuts for partition, offset in cut if partition == number]
        assert offsets == sorted(offsets), "no cut overtakes another of its partition"
    expected = [fate for fate in fates.values() if fate in (BAD_TO_PREPARE, BAD_TO_WRITE)]
    assert len(rig.letters.sent) == len(expected)
    assert rig.waiting == 0
    if limits.by == "partition":
        assert all(len({partition for partition, _ in cut}) == 1 for cut in rig.writer.cuts)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 12)), min_size=1, max_size=60), limits)
def test_memory_is_bounded_by_a_target_that_never_answers(log: list[tuple[int, int]], limits: Limits) -> None:
    limits = replace(limits, record_time_s=None)
    rig = Rig(limits, Writer(lambda: 1e9))

    async def main() -> None:
        async with rig:
            putting = asyncio.create_task(put())
            await asyncio.sleep(20)
            open_cuts = rig.flow._open.values()
            assert sum(cut.rows for cut in open_cuts) <= limits.held_rows
            assert len(rig.writer.cuts) <= 1
            largest = limits.rows + 12
            assert rig.waiting <= limits.held_rows + largest
            assert putting.done() or rig.waiting >= min(limits.rows, 3, limits.held_rows - 12)
            putting.cancel()

    async def put() -> None:
        ends = dict.fromkeys(range(4), 0)
        for number, count in log:
            await rig.flow.put(records(ends[number], count, number), Followed())
            ends[number] += count

    virtually(main())


def test_put_waits_while_the_target_is_busy_and_goes_on_when_it_is_not() -> None:
    async def main() -> None:
        async with Rig(writer=Writer(lambda: 100.0)) as rig:
            source, began = Followed(), now()
            for first in range(0, 30, 10):
                await rig.flow.put(records(first, 10), source)
            assert 99 < now() - began < 101, "one is written, one waits, the third has to"
            await rig.flow.drain()
            assert source.written == 30

    virtually(main())


# -- when a cut ends ------------------------------------------------------------------------------------------------


def test_a_cut_is_written_when_its_first_row_is_old_enough() -> None:
    async def main() -> None:
        async with Rig(replace(LIMITS, age_s=5.0)) as rig:
            source = Followed()
            await rig.flow.put(records(0, 2), source)
            await asyncio.sleep(4)
            await rig.flow.put(records(2, 2), source)
            await asyncio.sleep(0.9)
            assert rig.writer.cuts == []
            await asyncio.sleep(0.7)
            assert rig.writer.cuts == [[(0, at) for at in range(4)]]

    virtually(main())


def test_an_old_cut_that_waits_for_its_turn_still_grows() -> None:
    async def main() -> None:
        async with Rig(replace(LIMITS, rows=1000), Writer(lambda: 50.0)) as rig:
            source = Followed()
            for first in range(0, 40, 2):
                await rig.flow.put(records(first, 2), source)
                await asyncio.sleep(2)
            await rig.flow.drain()
            assert len(rig.writer.cuts) <= 4, "not one for each second that the target was busy"

    virtually(main())


def test_a_young_cut_is_not_taken_for_the_old_one_that_just_went() -> None:
    async def main() -> None:
        async with Rig(replace(LIMITS, rows=4, age_s=10.0), Writer(lambda: 30.0)) as rig:
            source = Followed()
            await rig.flow.put(records(0, 4), source)  # is written for 30 s
            await rig.flow.put(records(4, 4), source)  # waits
            await rig.flow.put(records(8, 3), source)
            await asyncio.sleep(12)  # old by now, waits for room
            putting = asyncio.create_task(rig.flow.put(records(11, 3), source))  # fills it
            await asyncio.sleep(20)
            assert putting.done()
            await rig.flow.put(records(14, 1), source)  # young
            await asyncio.sleep(5)
            assert [len(cut) for cut in rig.writer.cuts] == [4, 4]
            await rig.flow.drain()
            assert [len(cut) for cut in rig.writer.cuts] == [4, 4, 6, 1]

    virtually(main())


def test_cuts_of_a_partition_end_at_multiples_of_the_record_time_also_within_a_chunk() -> None:
    log = [record(at, b"k", b"good", at * 400) for at in range(12)]

    async def cuts(first: int) -> list[list[tuple[int, int]]]:
        async with Rig(replace(LIMITS, rows=1000, by="partition", record_time_s=1.0)) as rig:
            for begin, end in pairwise([0, first, 12]):
                if end > begin:
                    await rig.flow.put(chunk(TOPIC, log[begin:end]), Followed())
            await rig.flow.drain()
            return rig.writer.cuts

    expected = [[(0, at) for at in run] for run in ((0, 1, 2), (3, 4), (5, 6, 7), (8, 9), (10, 11))]
    for first in range(13):
        assert virtually(cuts(first)) == expected


def test_the_largest_cut_goes_early_when_too_much_is_held() -> None:
    async def main() -> None:
        limits = replace(LIMITS, rows=100, held_rows=20, by="partition", age_s=1000.0)
        async with Rig(limits) as rig:
            for number, count in ((0, 5), (1, 9), (2, 6), (3, 4)):
                await rig.flow.put(records(0, count, number), Followed())
            await asyncio.sleep(0.1)
            assert rig.writer.cuts == [[(1, at) for at in range(9)]]

    virtually(main())


def test_large_records_are_bounded_by_their_bytes_with_their_chunks() -> None:
    async def main() -> None:
        limits = replace(LIMITS, rows=1000, held_rows=1000, held_nbytes=50_000, by="partition", age_s=1000.0)
        async with Rig(limits, sink=Rows(nbytes=1)) as rig:
            for number in range(10):
                await rig.flow.put(records(0, 1, number, value=b"x" * 9_000), Followed())
            await asyncio.sleep(0.1)
            assert sum(cut.nbytes for cut in rig.flow._open.values()) <= 50_000
            assert len(rig.writer.cuts) == 5

    virtually(main())


# -- offsets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [BAD_TO_PREPARE, CONTROL])
def test_a_cut_without_rows_moves_the_offset_without_a_write(value: bytes) -> None:
    async def main() -> None:
        async with Rig() as rig:
            source = Followed()
            await rig.flow.put(records(0, 7, value=value), source)
            await asyncio.sleep(2)
            assert (source.written, rig.writer.cuts) == (7, [])

    virtually(main())


def test_offsets_are_let_go_only_when_the_broker_has_the_dead_letters() -> None:
    acknowledged = asyncio.Event()

    async def main() -> None:
        async with Rig(letters=Letters(settle=lambda: _wait(acknowledged))) as rig:
            source = Followed()
            await rig.flow.put(records(0, 10, value=BAD_TO_WRITE), source)
            await asyncio.sleep(60)
            assert (len(rig.letters.sent), source.written) == (10, 0)
            acknowledged.set()
            await asyncio.sleep(1)
            assert source.written == 10

    virtually(main())


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


# -- partitions that go away ----------------------------------------------------------------------------------------


def test_a_cut_whose_partitions_are_all_gone_is_given_up_and_the_next_goes_on() -> None:
    async def main() -> None:
        pauses = iter([1e9, 0.0])
        async with Rig(writer=Writer(lambda: next(pauses))) as rig:
            gone, here = Followed(), Followed()
            await rig.flow.put(records(0, 10, 0), gone)
            await rig.flow.put(records(0, 10, 1), here)
            await asyncio.sleep(100)
            assert here.written == 0
            gone.closed = True
            await asyncio.sleep(1)
            assert (gone.written, here.written) == (0, 10)

    virtually(main())


def test_what_was_taken_before_a_partition_went_away_is_not_written_beside_what_is_read_again() -> None:
    async def main() -> None:
        async with Rig() as rig:
            before, again = Followed(), Followed()
            await rig.flow.put(records(0, 4), before)
            before.closed = True
            await rig.flow.put(records(2, 4), again)
            await rig.flow.drain()
            assert rig.writer.cuts == [[(0, at) for at in range(2, 6)]]
            assert (before.written, again.written) == (0, 6)
            assert rig.waiting == 0

    virtually(main())


def test_a_chunk_whose_partition_goes_away_while_it_waits_for_room_is_dropped_with_its_dead_letters() -> None:
    async def main() -> None:
        limits = replace(LIMITS, rows=5, held_rows=10)
        async with Rig(limits, Writer(lambda: 100.0)) as rig:
            source = Followed()
            for first in (0, 5):
                await rig.flow.put(records(first, 5, 1), source)
            first_open = asyncio.create_task(rig.flow.put(records(10, 5, 1), source))
            await asyncio.sleep(1)
            first_open.cancel()
            gone = Followed()
            putting = asyncio.create_task(rig.flow.put(mixed(), gone))
            await asyncio.sleep(10)
            assert not putting.done()
            gone.closed = True
            await putting
            assert rig.letters.sent == []

    def mixed() -> Chunk:
        return chunk(TOPIC, [record(at, b"k", BAD_TO_PREPARE if at == 3 else b"good", 0) for at in range(9)], 2)

    virtually(main())


# -- the end --------------------------------------------------------------------------------------------------------


def test_drain_writes_everything_and_takes_nothing_more() -> None:
    async def main() -> None:
        async with Rig(replace(LIMITS, age_s=1e6, by="partition"), Writer(lambda: 10.0)) as rig:
            sources = [Followed(), Followed(), Followed()]
            for number, source in enumerate(sources):
                await rig.flow.put(records(0, 3 + number, number), source)
            draining = asyncio.create_task(rig.flow.drain())
            await asyncio.sleep(1)
            await rig.flow.put(records(3, 10, 0), sources[0])
            await draining
            assert [source.written for source in sources] == [3, 4, 5]
            assert sorted(len(cut) for cut in rig.writer.cuts) == [3, 4, 5]

    virtually(main())


def test_a_put_that_waits_for_room_when_the_end_comes_leaves_no_hole() -> None:
    async def main() -> None:
        async with Rig(replace(LIMITS, rows=5, held_rows=8), Writer(lambda: 10.0)) as rig:
            source = Followed()

            async def put() -> None:
                for first in range(0, 100, 4):
                    await rig.flow.put(records(first, 4), source)

            putting = asyncio.create_task(put())
            await asyncio.sleep(15)
            await rig.flow.drain()
            await putting
            written = sorted(offset for cut in rig.writer.cuts for _, offset in cut)
            assert written == list(range(source.written))
            assert 0 < len(written) < 100

    virtually(main())


def test_an_error_of_the_sink_beyond_its_own_comes_out_of_run() -> None:
    class Broken(Writer):
        async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal] | None:
            raise ZeroDivisionError("a defect")

    async def main() -> None:
        async with Rig(writer=Broken()) as rig:
            source = Followed()
            await rig.flow.put(records(0, 10), source)
            with pytest.raises(ExceptionGroup) as caught:
                await rig.running
            assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
            assert source.written == 0

    virtually(main())


@pytest.mark.parametrize("late", [False, True])
def test_drain_does_not_wait_for_a_flow_that_has_died(late: bool) -> None:
    class Dies(Writer):
        async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal] | None:
            await asyncio.sleep(5)
            raise ZeroDivisionError("a defect")

    async def main() -> None:
        async with Rig(replace(LIMITS, by="partition"), writer=Dies()) as rig:
            for number in range(4):
                await rig.flow.put(records(0, 4, number), Followed())
            await asyncio.sleep(2 if late else 100)
            began = now()
            await rig.flow.drain()
            assert now() - began <= (5 if late else 0)
            assert rig.running.done()

    virtually(main())


def test_the_clock_of_these_tests_says_when_nothing_can_happen_any_more() -> None:
    with pytest.raises(StalledError):
        virtually(_wait(asyncio.Event()))
