"""The MQTT adapter with a broker that comes and goes, and with one that knows no bounds; Sparkplug with Tahu."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.mqtt.adapter import MqttAdapter, mqtt
from adapters.mqtt.config import MqttConfig
from adapters.mqtt.sparkplug.payload import decode_payload, rebirth_request, single_values
from adapters.mqtt.sparkplug.types import datatype_of
from ironstream.gateway.adapter import DeviceConnectionError, Received
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.pipeline import PipelineSpec
from tests.conformance.support import running
from tests.support.java.process import JavaProcess
from tests.support.mqtt import MqttBroker, publisher
from tests.support.sparkplug import EdgeNode


@asynccontextmanager
async def broker() -> AsyncIterator[MqttBroker]:
    made = MqttBroker()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def config(broker: MqttBroker, **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"host": "127.0.0.1", "port": broker.port, "version": "3.1.1", "client_id": "t"}
    if "sparkplug" not in fields:
        base["topics"] = [{"pattern": "plant/{asset}/{parameter}", "format": "scalar", "qos": fields.pop("qos", 1)}]
    return base | {"timeout_s": 5} | fields


def adapter(broker: MqttBroker, **fields: Any) -> MqttAdapter:
    return mqtt(MqttConfig.model_validate(config(broker, **fields)))


def values(received: Received) -> list[Any]:
    return [sample.value for sample in received.samples]


async def told(made: MqttAdapter) -> Received:
    """The next that has a value in it."""
    async with asyncio.timeout(60):
        while not (received := await made.read()).samples:
            pass
    return received


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.01)


async def test_a_broker_that_sends_more_than_we_hold_is_slowed_down() -> None:
    async with broker() as server:
        made = adapter(server, max_in_flight=3)
        await made.connect()
        async with publisher(server.port) as client:
            for number in range(30):
                await client.publish("plant/p/x", str(number), qos=1)
        inbox = made._client._inbox
        await until(lambda: inbox.full)
        numbers: list[int] = []
        while len(numbers) < 30:
            assert len(inbox) <= 4
            received = await made.read()
            numbers += values(received)
            await made.acknowledge(received.receipt)
        assert numbers == list(range(30))
        await made.close()


async def test_messages_of_qos_0_that_nobody_reads_are_dropped_and_counted() -> None:
    async with broker() as server:
        made = adapter(server, max_waiting=5, qos=0)
        await made.connect()
        async with publisher(server.port) as client:
            for number in range(20):
                await client.publish("plant/p/x", str(number))
        await until(lambda: made._client._inbox.dropped == 15)
        received = await made.read()
        assert values(received) == [0, 1, 2, 3, 4]
        assert [fault.kind for fault in received.faults] == ["overflow"] * 15
        await made.close()


async def test_what_had_come_before_the_broker_went_is_read_before_the_loss_is_told() -> None:
    async with broker() as server:
        made = adapter(server, qos=0)
        await made.connect()
        async with publisher(server.port) as client:
            await client.publish("plant/p/x", "1")
            await until(lambda: len(made._client._inbox) == 1)
        await server.stop()
        await until(lambda: not made._client._alive())
        assert values(await made.read()) == [1]
        with pytest.raises(DeviceConnectionError, match="closed the connection"):
            await made.read()
        await made.close()
        with pytest.raises(DeviceConnectionError, match="cannot be reached"):
            await made.connect()
        await server.start()
        await made.connect()
        async with publisher(server.port) as client:
            await client.publish("plant/p/x", "2")
        assert values(await made.read()) == [2]
        await made.close()


async def test_what_stops_after_reading_leaves_the_rest_with_the_broker() -> None:
    async with broker() as server:
        made = adapter(server)
        await made.connect()
        async with publisher(server.port) as client:
            await client.publish("plant/p/x", "1", qos=1)
            await until(lambda: len(made._client._inbox) == 1)
            received = made.pending()
            assert values(received) == [1]
            await client.publish("plant/p/x", "2", qos=1)
            await client.publish("plant/p/y", "3")
        assert values(made.pending()) == []
        await made.acknowledge(received.receipt)
        await made.close()


async def test_a_payload_that_cannot_be_read_is_a_dead_letter_with_its_own_bytes() -> None:
    async with broker() as server:
        fields = {"topics": [{"pattern": "plant/{asset}", "fields": [{"path": "v", "name": "v"}]}]}
        spec = PipelineSpec("p1", "mqtt", None, config(server, **fields))
        async with running(spec) as gateway:
            async with publisher(server.port) as client:
                await gateway.until(lambda: bool(gateway.publisher.of("logs.adapters")[1:]), "connected")
                await client.publish("plant/a", b"\xff\x00", qos=1)
                await client.publish("plant/a", b'{"v": 1}', qos=1)
            await gateway.until(lambda: bool(gateway.publisher.readings("v")), "the next message")
        (letter,) = [record for record in gateway.publisher.records if record.topic == "dlq.invalid_telemetry"]
    assert letter.value == b"\xff\x00"
    headers = dict(letter.headers)
    assert headers["dlq-topic"] == b"mqtt:plant/a"
    assert headers["dlq-reason"] == b"malformed"
    assert b"not JSON" in headers["dlq-detail"]


async def test_a_message_is_confirmed_only_when_kafka_has_all_of_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Outgoing] = []
    confirmed: list[object] = []

    async def acknowledge(self: MqttAdapter, receipt: object) -> None:
        confirmed.append(receipt)

    monkeypatch.setattr(MqttAdapter, "acknowledge", acknowledge)
    async with broker() as server:
        fields = {"topics": [{"pattern": "plant/{asset}"}]}
        spec = PipelineSpec("p1", "mqtt", None, config(server, **fields))
        async with running(spec) as gateway:
            await gateway.until(lambda: bool(gateway.publisher.of("logs.adapters")[1:]), "connected")
            monkeypatch.setattr(gateway.publisher, "put", held.append)
            async with publisher(server.port) as client:
                await client.publish("plant/a", b'{"v": 1, "state": "on"}', qos=1)
            await gateway.until(lambda: len(held) == 2, "a reading and an event")
            held[0].settle()
            await asyncio.sleep(0.1)
            assert confirmed == []
            held[1].settle()
            await gateway.until(lambda: len(confirmed) == 1, "the confirmation")


async def test_a_primary_host_says_that_it_is_there_and_that_it_left() -> None:
    async with broker() as server:
        made = adapter(server, sparkplug={"host_id": "me"})
        async with publisher(server.port) as client:
            await client.subscribe("spBv1.0/STATE/me")
            await made.connect()
            await made.close()
            states = []
            async with asyncio.timeout(60):
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    states.append(json.loads(message.payload))
                    if len(states) == 2:
                        break
    assert [state["online"] for state in states] == [True, False]
    assert states[0]["timestamp"] == states[1]["timestamp"]


async def test_an_edge_node_that_lost_a_message_is_asked_for_its_birth_and_gives_it() -> None:
    async with broker() as server:
        made = adapter(server, sparkplug={"groups": ["g"], "reorder_timeout_s": 0.1})
        await made.connect()
        async with publisher(server.port) as client:
            node = EdgeNode(client, "g", "n")
            node.devices = {"d": {"speed": 1.5}}
            await node.listen()
            await node.birth()
            assert values(await told(made)) == [1.5]
            node.skip()
            await node.data("d")
            received = await told(made)
            assert values(received) == [1.5]
            assert "nothing came between" in received.faults[0].message
            async with asyncio.timeout(60):
                while not await node.asked_for_birth():  # noqa: ASYNC110  as above
                    await asyncio.sleep(0.01)
        await made.close()


async def test_tahu_and_we_read_one_another() -> None:
    scalars: list[dict[str, Any]] = [
        {"name": "i8", "type": "Int8", "value": -3},
        {"name": "i16", "type": "Int16", "value": -30_000},
        {"name": "i32", "type": "Int32", "value": -(2**31)},
        {"name": "i64", "type": "Int64", "value": -(2**63)},
        {"name": "u8", "type": "UInt8", "value": 250},
        {"name": "u16", "type": "UInt16", "value": 65_535},
        {"name": "u32", "type": "UInt32", "value": 2**32 - 1},
        {"name": "u64", "type": "UInt64", "value": 2**64 - 1},
        {"name": "f", "type": "Float", "value": 1.5},
        {"name": "d", "type": "Double", "value": 21.1},
        {"name": "b", "type": "Boolean", "value": True},
        {"name": "s", "type": "String", "value": "Grüße"},
        {"name": "null", "type": "Double", "value": None},
        {"name": "old", "type": "Double", "value": 1.0, "historical": True, "timestamp": 1_736_510_463_000},
        {"name": "unit", "type": "Double", "value": 2.0, "unit": "bar", "quality": 500, "alias": 7},
    ]
    nested: list[dict[str, Any]] = [
        {"name": "t", "type": "Template", "value": [{"name": "x", "type": "Float", "value": 2.5}]},
        {"name": "ds", "type": "DataSet", "value": {"columns": ["n"], "types": ["Int32"], "rows": [[4], [-5]]}},
        {"name": "at", "type": "DateTime", "value": 1_736_510_463_123},
    ]
    async with JavaProcess("tahu_codec") as tahu:
        encoded = await tahu.call("encode", metrics=scalars + nested, seq=200, timestamp=1_736_510_400_000)
        answer = await tahu.call("decode", payload=rebirth_request(1_736_510_400_000).hex())
    payload = decode_payload(bytes.fromhex(encoded))
    found = {
        (metric.name or "") + suffix: value
        for metric in payload.metrics
        for suffix, _, value in single_values(metric, datatype_of(metric.datatype or 0))
    }
    assert found == {one["name"]: one["value"] for one in scalars} | {
        "tx": 2.5,
        "ds0.n": 4,
        "ds1.n": -5,
        "at": "2025-01-10T12:01:03.123Z",
    }
    assert (payload.seq, payload.time_us) == (200, 1_736_510_400_000_000)
    by_name = {metric.name: metric for metric in payload.metrics}
    assert (by_name["old"].historical, by_name["old"].time_us) == (True, 1_736_510_463_000_000)
    assert (by_name["unit"].unit, by_name["unit"].quality, by_name["unit"].alias) == ("bar", 500, 7)
    assert answer["timestamp"] == 1_736_510_400_000
    assert answer["metrics"] == [{"name": "Node Control/Rebirth", "type": "Boolean", "value": "True"}]
