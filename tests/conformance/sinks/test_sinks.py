"""What every sink must do, whatever its target. A new sink adds its bench to `benches`."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import Cut, Sink, SinkContext, SinkUnavailableError
from tests.conformance.sinks.benches import BENCHES, JOURNAL, WITHOUT_SERVER
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.log import (
    PARTITIONS,
    Clean,
    Consumer,
    cut_of,
    of_topics,
    part_of,
    whole_cuts,
    whole_log,
)
from tests.support.engine import chunk, record

_TRIES = 30


def log_of(bench: SinkBench) -> Clean:
    return of_topics(whole_log(), bench.topics)


@asynccontextmanager
async def connected(bench: SinkBench) -> AsyncIterator[Sink[Any]]:
    sink = bench.build()
    try:
        await sink.connect()
        yield sink
    finally:
        await sink.close()


async def write_all(sink: Sink[Any], log: Clean) -> None:
    for cut in whole_cuts(sink, log):
        assert list(await sink.write(cut)) == []


async def until_written(sink: Sink[Any], cut: Cut[Any]) -> None:
    """Write as the flow does: connect anew after each failure, and repeat."""
    for failures in range(_TRIES):
        try:
            if failures:
                await sink.connect()
            assert list(await sink.write(cut)) == []
        except SinkUnavailableError:
            continue
        return
    raise AssertionError(f"not written after {_TRIES} tries")


# -- the suite and its log ------------------------------------------------------------------------------------------


def test_every_sink_of_the_registry_is_on_the_bench() -> None:
    kinds = {bench.kind for bench in BENCHES.values()} - {"journal"}
    # the same sink on a server with an extension that no package brings
    assert kinds == set(SINKS) - {"timescaledb"}


def test_the_log_has_everything_in_it_restated_windows_and_alarms_that_end_among_it() -> None:
    log = whole_log()
    assert all(records for partitions in log.values() for records in partitions.values())
    values = [one.value or b"" for records in log["telemetry.1min"].values() for one in records]
    assert any(b'"revision":1' in value for value in values)
    states = b" ".join(one.value or b"" for records in log["alarms.clean"].values() for one in records)
    assert b'"state":"CLEARED' in states
    assert b'"state":"ACTIVE"' in states


def test_a_kind_takes_the_topics_of_its_bench_and_none_that_is_not_clean(make_bench: Any) -> None:
    made = make_bench.func if hasattr(make_bench, "func") else make_bench
    if made.kind in SINKS:
        takes = SINKS[made.kind].topics
        assert all(map(takes, made.topics))
        assert not any(map(takes, ["telemetry.raw", "events.raw", "alarms.raw", "dlq.sinks", "audit_trail", ""]))


# -- each row once --------------------------------------------------------------------------------------------------


async def test_everything_of_every_topic_is_there(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        await write_all(sink, log)
    assert await bench.held() == bench.wanted(log)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_same_log_cut_in_any_way_by_processes_that_crash_leaves_the_same(bench: SinkBench, seed: int) -> None:
    log, random = log_of(bench), Random(seed)
    consumers = [Consumer(topic, partitions, random) for topic, partitions in log.items()]
    async with AsyncSinks(bench) as sinks:
        sink = await sinks.fresh()
        while waiting := [one for one in consumers if not one.done]:
            if random.random() < 0.12:
                # its successor may begin while it still writes
                sink = await sinks.fresh()
                for consumer in consumers:
                    consumer.crash()
                continue
            some = random.sample(waiting, min(len(waiting), 3))
            await asyncio.gather(*(sink.write(one.next_cut(sink)) for one in some))
            for consumer in some:
                consumer.commit()
    assert await bench.held() == bench.wanted(log)


class AsyncSinks:
    """Sinks as one process after the other has them: those before are closed at the end only."""

    def __init__(self, bench: SinkBench) -> None:
        self._bench = bench
        self._sinks: list[Sink[Any]] = []

    async def __aenter__(self) -> AsyncSinks:
        return self

    async def __aexit__(self, *_: object) -> None:
        for sink in self._sinks:
            await sink.close()

    async def fresh(self) -> Sink[Any]:
        self._sinks.append(self._bench.build())
        await self._sinks[-1].connect()
        return self._sinks[-1]


async def test_a_replay_of_everything_leaves_what_is_there(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        await write_all(sink, log)
        before = await bench.held()
        await write_all(sink, log)
        assert await bench.held() == before
    async with connected(bench) as sink:
        for topic, partitions in log.items():
            for partition, records in partitions.items():
                await sink.write(cut_of(sink, topic, (partition, records[len(records) // 3 :]), random=Random(3)))
    assert await bench.held() == before


# -- a target that is not there -------------------------------------------------------------------------------------


async def test_a_target_that_is_away_at_the_beginning_is_waited_for(bench: SinkBench) -> None:
    log, sink = log_of(bench), bench.build()
    await bench.away()
    for _ in range(2):
        with pytest.raises(SinkUnavailableError) as caught:
            await sink.connect()
        assert caught.value.message
    await bench.back()
    await sink.connect()
    await write_all(sink, log)
    await sink.close()
    assert await bench.held() == bench.wanted(log)


async def test_a_target_that_goes_away_between_writes_gets_everything_when_it_is_back(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        cuts = list(whole_cuts(sink, log))
        first, others = cuts[0], cuts[1:]
        if len(cuts) == 1:
            ((topic, partitions),) = log.items()
            runs = [(number, records[:3], records[3:]) for number, records in partitions.items()]
            first = cut_of(sink, topic, *((number, before) for number, before, _ in runs))
            others = [cut_of(sink, topic, *((number, after) for number, _, after in runs))]
        await sink.write(first)
        await bench.away()
        for cut in others:
            with pytest.raises(SinkUnavailableError):
                await sink.write(cut)
        with pytest.raises(SinkUnavailableError):
            await sink.connect()
        await bench.back()
        for cut in others:
            await until_written(sink, cut)
    assert await bench.held() == bench.wanted(log)


@pytest.mark.parametrize("make_bench", sorted(set(BENCHES) - WITHOUT_SERVER), indirect=True)
@pytest.mark.parametrize("what", ["sent", "answered"])
async def test_a_connection_cut_within_a_write_costs_nothing_and_doubles_nothing(bench: SinkBench, what: str) -> None:
    assert bench.proxy is not None
    log = log_of(bench)
    async with connected(bench) as sink:
        for at, cut in enumerate(whole_cuts(sink, log)):
            # early, late, and within the data
            for nbytes in ([1, 700, 4_000, 15_000] if what == "sent" else [1, 300, 2_000])[at % 2 :: 2]:
                bench.proxy.cut_after(**{what: nbytes})
                await until_written(sink, cut)
        bench.proxy.heal()
        await write_all(sink, log)
    assert bench.proxy.cuts > 0
    assert await bench.held() == bench.wanted(log)


async def test_a_write_that_is_given_up_can_be_repeated(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        for at, cut in enumerate(whole_cuts(sink, log)):
            writing = asyncio.create_task(_collect(sink, cut))
            await asyncio.sleep(0.003 * (at % 4))
            writing.cancel()
            with suppress(asyncio.CancelledError, SinkUnavailableError):
                await writing
            await until_written(sink, cut)
    assert await bench.held() == bench.wanted(log)


async def _collect(sink: Sink[Any], cut: Cut[Any]) -> None:
    await sink.write(cut)


async def test_to_connect_anew_while_other_topics_are_written_loses_and_doubles_nothing(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        lock = asyncio.Lock()

        async def write(topic: str) -> None:
            cuts = list(whole_cuts(sink, {topic: log[topic]}))
            for cut in cuts:
                for _ in range(_TRIES):
                    try:
                        await sink.write(cut)
                    except SinkUnavailableError:
                        async with lock:
                            await sink.connect()
                        continue
                    break
                else:
                    raise AssertionError("the others are in its way")

        writing = [asyncio.create_task(write(topic)) for topic in log]
        for _ in range(3):
            async with lock:
                await sink.connect()
            await asyncio.sleep(0.005)
        await asyncio.gather(*writing)
    assert await bench.held() == bench.wanted(log)


# -- bad records ----------------------------------------------------------------------------------------------------


async def test_a_record_that_cannot_be_read_costs_only_itself(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        for topic, partitions in log.items():
            for partition, records in partitions.items():
                bad = [record(len(records) + at, b"k", value, 0) for at, value in enumerate((b"nonsense", None, b"{}"))]
                part = part_of(sink, chunk(topic, [*records, *bad], partition))
                places = sorted(refusal.place for refusal in part.prepared.refusals)
                assert places[:2] == [len(records), len(records) + 1]
                assert all(refusal.reason and refusal.detail for refusal in part.prepared.refusals)
                if len(places) == 3:
                    assert list(await sink.write(Cut(topic, [part]))) == []
                else:
                    # an empty object is a message like any other
                    part = part_of(sink, chunk(topic, [*records, *bad[:2]], partition))
                    assert list(await sink.write(Cut(topic, [part]))) == []
    assert await bench.held() == bench.wanted(log)


async def test_a_record_that_the_target_refuses_costs_only_itself(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        refused = await bench.refuse()
        if refused is None:
            assert not sink.limits.keep_chunks, "a sink that refuses nothing at the write does not hold the chunks"
            return
        assert sink.limits.keep_chunks, "its record is wanted for the dead letter"
        topic, bad = refused
        runs = [(partition, records) for partition, records in log[topic].items()]
        number, records = runs[-1]
        middle = len(records) // 2
        cut = cut_of(sink, topic, *runs[:-1], (number, [*records[:middle], bad, *records[middle:]]), random=Random(5))
        (refusal,) = await sink.write(cut)
        part, found = cut.record(refusal.place)
        assert (part.partition, found.value) == (number, bad.value)
        assert refusal.reason
        assert refusal.detail
        # the same again, as after a crash before the offsets moved
        assert len(await sink.write(cut)) == 1
        await write_all(sink, {one: partitions for one, partitions in log.items() if one != topic})
    assert await bench.held() == bench.wanted(log)


async def test_cuts_and_parts_without_rows_are_written_as_nothing(bench: SinkBench) -> None:
    log = log_of(bench)
    async with connected(bench) as sink:
        for topic, partitions in log.items():
            empty = part_of(sink, chunk(topic, [record(900, b"k", b"nonsense", 0)], min(PARTITIONS)))
            assert len(empty) == 0
            assert list(await sink.write(Cut(topic, [empty]))) == []
            runs = partitions.items() if sink.limits.by == "topic" else list(partitions.items())[:1]
            parts = [part_of(sink, chunk(topic, records, partition)) for partition, records in runs]
            assert list(await sink.write(Cut(topic, [*parts, empty, empty]))) == []
        await write_all(sink, log)
    assert await bench.held() == bench.wanted(log)


hostile = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.sampled_from([b"", b"{}", b"[]", b"null", b'{"a":' * 3000, b"\x00\x00\x00\x00\x01ab", b'{"asset_id":"a"}']),
    st.tuples(st.integers(0, 10), st.integers(0, 600), st.binary(max_size=3)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
async def test_prepare_never_raises_and_accounts_for_every_record(bench: SinkBench, data: st.DataObject) -> None:
    sink = bench.build()
    topic = data.draw(st.sampled_from(bench.topics))
    good = whole_log()[topic][0]
    values = []
    for one in data.draw(st.lists(hostile, min_size=1, max_size=6)):
        if isinstance(one, tuple):
            # a good one, with a few bytes of it changed
            which, at, spoil = one
            value = bytearray(good[which % len(good)].value or b"")
            value[at % len(value) : at % len(value) + len(spoil)] = spoil
            one = bytes(value)
        values.append(one)
    records = [record(at, b"k", value, 0) for at, value in enumerate(values)]
    prepared = sink.prepare(chunk(topic, records))
    refused = [refusal.place for refusal in prepared.refusals]
    assert prepared.nbytes >= 0
    assert len(prepared.places) == len(prepared.rows)
    assert set(refused) | set(prepared.places.tolist()) <= set(range(len(records)))
    assert not set(refused) & set(prepared.places.tolist())


# -- manners --------------------------------------------------------------------------------------------------------


async def test_close_is_harmless_twice_before_and_after_a_connection(bench: SinkBench) -> None:
    sink = bench.build()
    await sink.close()
    await sink.close()
    sink = bench.build()
    await sink.connect()
    await sink.close()
    await sink.close()


async def test_limits_are_sane(bench: SinkBench) -> None:
    limits = bench.build().limits
    assert 1 <= limits.rows <= limits.held_rows
    assert 1024 <= limits.nbytes <= limits.held_nbytes
    assert 0 < limits.age_s <= 600
    assert limits.write_timeout_s >= 5
    assert limits.record_time_s is None or (limits.record_time_s >= 1 and limits.by == "partition")


async def test_no_secret_is_in_an_error(bench: SinkBench) -> None:
    def tell(error: BaseException) -> str:
        return "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error)

    kind, told = bench.sink_kind(), ""
    sink = bench.build()
    told += repr(sink) + repr(kind.config_model.model_validate(dict(bench.config())))
    await sink.connect()
    cut = next(whole_cuts(sink, log_of(bench)))
    await bench.away()
    for attempt in (sink.write(cut), sink.connect(), *([] if kind.test is None else [_test(bench)])):
        with pytest.raises(SinkUnavailableError) as caught:
            await attempt
        told += tell(caught.value)
    await sink.close()
    for secret in bench.secrets:
        assert secret in repr(dict(bench.config()))
        assert secret not in told


async def _test(bench: SinkBench) -> str:
    kind = bench.sink_kind()
    assert kind.test is not None
    return await kind.test(kind.config_model.model_validate(dict(bench.config())), SinkContext("bench"))


@pytest.mark.parametrize("make_bench", sorted(set(BENCHES) - {JOURNAL}), indirect=True)
async def test_its_test_says_in_a_sentence_what_it_reached_and_writes_no_data(bench: SinkBench) -> None:
    found = await _test(bench)
    assert 10 < len(found) < 400
    assert not any(secret in found for secret in bench.secrets)
