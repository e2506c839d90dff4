from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import ironstream.sinks.webhook
from ironstream.sinks.http.sink import MessageSink
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from ironstream.sinks.webhook.config import WebhookConfig
from ironstream.sinks.webhook.kind import WEBHOOK
from ironstream.topology.model.sinks import SinkPart
from tests.support.clean.alarms import alarm, alarm_record
from tests.support.engine import MemoryRecord
from tests.support.http_target import LOOPBACK, OK, HttpTarget, Reply, cut_of, signed_by

TOPIC = "alarms.clean"
KEY = "a-signing-key-of-this-plant"


@asynccontextmanager
async def sink_to(there: HttpTarget, **fields: Any) -> AsyncIterator[MessageSink]:
    config = WebhookConfig.model_validate({"url": there.url} | LOOPBACK | fields)
    sink: MessageSink = WEBHOOK.build(config, SinkContext("hook"))  # type: ignore[assignment]  # what this kind builds
    await sink.connect()
    try:
        yield sink
    finally:
        await sink.close()


def life() -> list[MemoryRecord]:
    states = [None, "ACTIVE", "ACKNOWLEDGED", "CLEARED"]
    return [alarm_record(at, alarm(at + 1, str(state), before)) for at, (before, state) in enumerate(pairwise(states))]


async def test_every_transition_is_posted_alone_in_its_order_signed_and_with_its_id() -> None:
    async with HttpTarget() as there, sink_to(there, signing_keys=[KEY]) as sink:
        assert await sink.write(cut_of(sink, TOPIC, life())) == []
        assert [got.headers["X-Ironstream-Id"] for got in there.got] == ["one/1", "one/2", "one/3"]
        assert [got.json["id"] for got in there.got] == ["one/1", "one/2", "one/3"]
        assert [got.json["data"]["state"] for got in there.got] == ["ACTIVE", "ACKNOWLEDGED", "CLEARED"]
        assert all(signed_by(got, KEY) for got in there.got)
        assert len({got.headers["Idempotency-Key"] for got in there.got}) == 3


async def test_transitions_are_posted_together_where_that_is_wanted() -> None:
    async with HttpTarget() as there, sink_to(there, max_records=2) as sink:
        await sink.write(cut_of(sink, TOPIC, life()))
        assert [got.ids for got in there.got] == [["one/1", "one/2"], ["one/3"]]


async def test_no_transition_is_sent_before_one_that_the_target_could_not_take() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        there.next = [OK, Reply(500), Reply(500)]
        cut = cut_of(sink, TOPIC, life())
        for _ in range(2):
            with pytest.raises(SinkUnavailableError):
                await sink.write(cut)
        await sink.write(cut)
        assert [got.ids[0] for got in there.got] == ["one/1", "one/2", "one/2", "one/2", "one/3"]
        assert list(there.stored) == ["one/1", "one/2", "one/3"]


async def test_a_refused_transition_does_not_hold_back_the_next() -> None:
    async with HttpTarget() as there, sink_to(there) as sink:
        there.next = [OK, Reply(400, {"error": "unknown asset"})]
        refusals = await sink.write(cut_of(sink, TOPIC, life()))
        assert [(one.place, "unknown asset" in one.detail) for one in refusals] == [(1, True)]
        assert list(there.stored) == ["one/1", "one/3"]


async def test_test_connects_and_sends_nothing() -> None:
    assert WEBHOOK.test is not None
    async with HttpTarget() as there:
        config = WebhookConfig.model_validate({"url": there.url} | LOOPBACK)
        assert there.origin in await WEBHOOK.test(config, SinkContext("hook"))
        assert there.got == []


def test_the_sample_is_a_sink_of_this_kind_and_only_alarms_go_to_it() -> None:
    text = (Path(ironstream.sinks.webhook.__file__).parent / "sample.yaml").read_text()
    part = SinkPart.model_validate(yaml.safe_load(text))
    assert SINKS[part.kind] is WEBHOOK
    WEBHOOK.config_model.model_validate(part.config)
    assert [topic for topic in ("alarms.clean", "events.clean", "telemetry.clean") if WEBHOOK.topics(topic)] == [TOPIC]
