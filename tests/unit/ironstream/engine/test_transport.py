"""How often a worker commits, and what becomes of a fetch that a rebalance overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP

from ironstream.engine.gathering import Gathering
from ironstream.engine.transport import Consumer, commit_pause
from ironstream.engine.underway import MOST_RECORDS, UnderWay


def test_quick_commits_keep_their_interval() -> None:
    assert commit_pause(2.0, 0.05, 0.1) == 2.0


def test_commits_that_take_long_again_and_again_take_a_fifth_of_the_time() -> None:
    assert commit_pause(2.0, 1.5, 1.5) == 6.0


def test_one_commit_that_waited_for_a_broker_does_not_delay_the_next() -> None:
    assert commit_pause(0.5, 0.05, 20.0) == 0.5


def test_a_pause_has_an_end() -> None:
    assert commit_pause(2.0, 1e6, 1e6) < 60


PARTITION = TP("telemetry.raw", 0)


class Fetching(Consumer):
    """A consumer whose fetch brings one batch; `meanwhile` happens while it waits for it."""

    should_stop = False

    def __init__(self, meanwhile: Callable[[Fetching], None]) -> None:
        self.subscription = SubscriptionState()
        consumer = SimpleNamespace(_fetcher=SimpleNamespace(_fetch_max_wait_ms=0), _subscription=self.subscription)
        self.app = SimpleNamespace(
            under_way=UnderWay(), gathering=Gathering(), consumer_generation_id=1, logical_name=str
        )
        self.asked: list[set[TP]] = []
        self._thread = cast(Any, SimpleNamespace(_ensure_consumer=lambda: consumer, getmany=self._asked))
        self.flow_active = True
        self.can_resume_flow = cast(Any, asyncio.Event())
        self.seeks: list[bool] = []
        self._meanwhile = meanwhile

    def _get_active_partitions(self) -> Any:
        return {PARTITION}

    async def _wait_next_records(self, timeout: float) -> Any:
        self._meanwhile(self)
        return {PARTITION: [object()]}, {PARTITION}

    async def _asked(self, partitions: set[TP], timeout: float) -> Any:
        self.asked.append(partitions)
        return {}

    async def wait(self, *events: Any, timeout: Any = None) -> Any:
        await events[0].wait()

    async def perform_seek(self) -> None:
        self.seeks.append(self.flow_active)


def rebalanced(consumer: Fetching) -> None:
    consumer.app.consumer_generation_id = 2


def suspended(consumer: Fetching) -> None:
    """A rebalance is at its seek, and resumes the flow a moment later."""

    def resume() -> None:
        consumer.flow_active = True
        consumer.can_resume_flow.set()

    consumer.flow_active = False
    asyncio.get_running_loop().call_later(0.01, resume)


@pytest.mark.parametrize("meanwhile", [rebalanced, suspended])
async def test_a_fetch_that_a_rebalance_overtook_is_fetched_again_once_records_flow(
    meanwhile: Callable[[Fetching], None],
) -> None:
    consumer = Fetching(meanwhile)
    assert [message async for message in consumer.getmany(1.0)] == []
    assert consumer.seeks == [True]


async def test_while_agents_stand_still_nothing_is_fetched_and_the_group_does_not_take_that_for_death() -> None:
    consumer = Fetching(lambda _: pytest.fail("it fetched"))
    consumer.app.under_way.dispatched(PARTITION.topic, MOST_RECORDS + 1)
    began = consumer.subscription._last_fetch_ended
    for _ in range(3):
        assert [message async for message in consumer.getmany(0.01)] == []
    assert consumer.subscription._last_fetch_ended > began


async def test_a_topic_that_is_full_is_left_out_of_the_fetch_of_the_others() -> None:
    consumer, other = Fetching(lambda _: None), TP("alarms.raw", 0)
    consumer.app.under_way.dispatched(other.topic, 1)
    consumer.app.under_way.dispatched(PARTITION.topic, MOST_RECORDS)
    await consumer._getmany({PARTITION, other}, 1.0)
    consumer.app.under_way.taken(PARTITION.topic, MOST_RECORDS)
    await consumer._getmany({PARTITION, other}, 1.0)
    assert consumer.asked == [{other}, {PARTITION, other}]


async def test_a_worker_does_not_die_of_a_position_that_is_being_looked_for() -> None:
    """Of a partition whose records expired under it, say: Faust looks at all of them now and then."""
    consumer = Fetching(lambda _: None)
    state = SubscriptionState()
    state.subscribe({PARTITION.topic})
    state.assign_from_subscribed({TopicPartition(*PARTITION)})

    def verify(now: float, tp: TP) -> None:
        assert state.subscription.assignment.state_value(TopicPartition(*tp)).position >= 0

    with pytest.raises(AssertionError):
        verify(0.0, PARTITION)
    consumer._thread = cast(Any, SimpleNamespace(verify_event_path=verify))

    consumer.verify_event_path(0.0, PARTITION)
