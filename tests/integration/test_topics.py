"""The topics of a deployment, on a real broker."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ironstream.contract import Topic
from ironstream.errors import BrokerError
from ironstream.settings import Settings
from ironstream.topics import DAY_MS, TopicSpec, delete_topics, describe, ensure_topics, topic_names, topic_specs

SIZES_S = (1, 10, 60, 3600)


async def test_all_topics_are_created_as_specified(deployment: Settings) -> None:
    specs = topic_specs(deployment, SIZES_S)

    assert await ensure_topics(deployment.bootstrap, specs) == []

    states = await describe(deployment.bootstrap, [spec.name for spec in specs])
    assert set(states) == {spec.name for spec in specs}
    for spec in specs:
        assert states[spec.name].partitions == deployment.partitions
        assert spec.config.items() <= states[spec.name].config.items()


async def test_a_second_run_changes_and_reports_nothing(deployment: Settings) -> None:
    specs = topic_specs(deployment, SIZES_S)
    await ensure_topics(deployment.bootstrap, specs)

    assert await ensure_topics(deployment.kafka_client_kwargs(), specs) == []


async def test_two_processes_may_create_the_topics_at_once(deployment: Settings) -> None:
    specs = topic_specs(deployment, SIZES_S)

    assert await asyncio.gather(*(ensure_topics(deployment.bootstrap, specs) for _ in range(2))) == [[], []]


async def test_a_topic_with_other_settings_is_reported_and_left_as_it_is(deployment: Settings) -> None:
    spec = TopicSpec(deployment.topic("mine"), 2, {"retention.ms": "1000"})
    await ensure_topics(deployment.bootstrap, [spec])

    wanted = replace(spec, partitions=4, config={"retention.ms": "2000"})
    differences = await ensure_topics(deployment.bootstrap, [wanted])

    assert [str(difference) for difference in differences] == [
        f"{spec.name}: partitions is 2, should be 4",
        f"{spec.name}: retention.ms is 1000, should be 2000",
    ]
    state = (await describe(deployment.bootstrap, [spec.name]))[spec.name]
    assert (state.partitions, state.config["retention.ms"]) == (2, "1000")


async def test_topics_that_are_deleted_are_gone_and_missing_ones_are_no_error(deployment: Settings) -> None:
    names = [deployment.topic(name) for name in ("one", "two", "three")]
    await ensure_topics(deployment.bootstrap, [TopicSpec(name, 1) for name in names])

    await delete_topics(deployment.bootstrap, [*names[:2], deployment.topic("never was")])

    assert names[2] in await topic_names(deployment.bootstrap)
    assert not set(names[:2]) & await topic_names(deployment.bootstrap)


async def test_the_broker_stamps_raw_records_whatever_the_device_says(deployment: Settings) -> None:
    specs = topic_specs(deployment, ())
    await ensure_topics(deployment.bootstrap, specs)
    topic = deployment.topic(Topic.TELEMETRY_RAW)

    async with AIOKafkaProducer(**deployment.kafka_client_kwargs()) as producer:
        sent = await producer.send_and_wait(topic, b"x", timestamp_ms=1_000)
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **deployment.kafka_client_kwargs())
    async with consumer:
        record = await asyncio.wait_for(consumer.getone(), 20)

    assert sent.offset == 0
    assert record.timestamp > 40 * 365 * DAY_MS


async def test_a_topic_that_does_not_exist_is_left_out_of_the_description(deployment: Settings) -> None:
    assert await describe(deployment.bootstrap, [deployment.topic("absent")]) == {}


async def test_a_setting_that_kafka_refuses_is_named(deployment: Settings) -> None:
    spec = TopicSpec(deployment.topic("bad"), 1, {"retention.ms": "soon"})

    with pytest.raises(BrokerError, match=r"retention\.ms") as caught:
        await ensure_topics(deployment.bootstrap, [spec])

    assert caught.value.hint


async def test_more_copies_than_brokers_are_refused_with_what_to_do(deployment: Settings) -> None:
    spec = TopicSpec(deployment.topic("copies"), 1)

    with pytest.raises(BrokerError, match="IRONSTREAM_REPLICATION"):
        await ensure_topics(deployment.bootstrap, [spec], replication=3)


async def test_an_absent_broker_is_an_error_that_says_where_it_was_looked_for() -> None:
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1\b"):
        await ensure_topics("127.0.0.1:1", [])
