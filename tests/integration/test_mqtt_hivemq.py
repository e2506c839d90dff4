"""The MQTT adapter with a broker that we did not write: HiveMQ CE, which keeps sessions and speaks 5."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from adapters.mqtt.adapter import MqttAdapter, mqtt
from adapters.mqtt.config import MqttConfig
from ironstream.gateway.adapter import DeviceConnectionError, DeviceSecurityError, Received
from tests.support.certificates import Authority
from tests.support.java.process import JavaProcess
from tests.support.mqtt import publisher

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PASSWORD: Final = "not a secret"  # of files that live as long as the test
_IDS = itertools.count()
VERSIONS: Final = ("5", "3.1.1")


@dataclass
class Broker:
    """The running broker and the certificates of its TLS listener."""

    server: JavaProcess
    ports: dict[str, int]
    authority: Authority
    folder: Path

    def adapter(self, **fields: Any) -> MqttAdapter:
        """An adapter that reads a topic of its own."""
        name = f"t{next(_IDS)}"
        base: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.ports["tcp"],
            "client_id": name,
            "timeout_s": 5,
            "topics": [{"pattern": f"{name}/{{asset}}/{{parameter}}", "format": "scalar", "qos": 2}],
        }
        return mqtt(MqttConfig.model_validate(base | fields))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    folder = tmp_path_factory.mktemp("hivemq")
    authority = Authority(folder)
    authority.java_stores(_PASSWORD)
    async with JavaProcess("hivemq_server") as server:
        ports = await server.call(
            "start",
            keystore=str(folder / "server.p12"),
            truststore=str(folder / "trust.p12"),
            password=_PASSWORD,
        )
        yield Broker(server, ports, authority, folder)


def name_of(adapter: MqttAdapter) -> str:
    return adapter._config.client_id


async def publish(broker: Broker, adapter: MqttAdapter, *values: int, qos: int = 1) -> None:
    async with publisher(broker.ports["tcp"]) as client:
        for value in values:
            await client.publish(f"{name_of(adapter)}/pump/x", str(value), qos=qos)


async def keep(broker: Broker, adapter: MqttAdapter, *values: int, qos: int = 1) -> None:
    """Publish while the adapter is away: this broker sends what it kept at once, and live messages one by one."""
    await adapter.connect()
    await adapter.close()
    # what comes before the broker has noticed is on its way to us, and it sends nothing else until that is confirmed
    await broker.server.call("until_nobody_is_connected")
    await publish(broker, adapter, *values, qos=qos)
    await adapter.connect()


async def read(adapter: MqttAdapter, count: int, *, acknowledge: bool = False) -> list[Received]:
    """Reads until so many samples have come."""
    received: list[Received] = []
    async with asyncio.timeout(60):
        while sum(len(one.samples) for one in received) < count:
            received.append(await adapter.read())
            if acknowledge:
                await adapter.acknowledge(received[-1].receipt)
    return received


def values(received: list[Received]) -> list[Any]:
    return [sample.value for one in received for sample in one.samples]


async def nothing_comes(adapter: MqttAdapter) -> None:
    """What was published before a message of another client that came has had its time."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await adapter.read()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [1, 2])
async def test_what_kafka_did_not_take_before_a_crash_is_told_again_and_the_rest_is_not(
    broker: Broker, version: str, qos: int
) -> None:
    first = broker.adapter(version=version)
    await keep(broker, first, 1, 2, qos=qos)
    received = await read(first, 2)
    assert values(received) == [1, 2]
    await first.acknowledge((received[0].receipt[0],))  # type: ignore[index]  # a receipt is opaque to all but its maker
    # the process dies: a second one has the same configuration, and none of the memory
    await asyncio.sleep(0.1)
    await first.close()
    second = mqtt(first._config)
    await second.connect()
    again = await read(second, 1)
    assert values(again) == [2]
    for one in again:
        await second.acknowledge(one.receipt)
    await asyncio.sleep(0.1)
    await second.close()
    third = mqtt(first._config)
    await third.connect()
    await nothing_comes(third)
    await third.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [1, 2])
async def test_what_is_on_its_way_to_kafka_while_the_connection_breaks_is_not_put_twice(
    broker: Broker, version: str, qos: int
) -> None:
    adapter = broker.adapter(version=version)
    await keep(broker, adapter, 1, 2, qos=qos)
    received = await read(adapter, 2)
    await adapter.close()
    # Kafka takes the first while nobody is connected, the second only after
    receipts = [in_flight for one in received for in_flight in one.receipt]  # type: ignore[attr-defined]  # as above
    await adapter.acknowledge((receipts[0],))
    await adapter.connect()
    await nothing_comes(adapter)
    await adapter.acknowledge((receipts[1],))
    await publish(broker, adapter, 3, qos=qos)
    assert values(await read(adapter, 1)) == [3]
    await adapter.close()
    fresh = mqtt(adapter._config)
    await fresh.connect()
    assert values(await read(fresh, 1)) == [3]
    await nothing_comes(fresh)
    await fresh.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_published_while_we_are_away_is_told_when_we_are_back(broker: Broker, version: str) -> None:
    adapter = broker.adapter(version=version)
    await keep(broker, adapter, 1, 2, 3)
    received = await read(adapter, 3)
    assert values(received) == [1, 2, 3]
    # nobody knows when they were so
    assert {sample.device_time_us for one in received for sample in one.samples} == {None}
    await adapter.close()


async def test_while_kafka_takes_nothing_the_broker_keeps_what_comes(broker: Broker) -> None:
    adapter = broker.adapter(max_in_flight=5)
    await keep(broker, adapter, *range(20))
    received = await read(adapter, 5)
    await nothing_comes(adapter)
    told = values(received)
    while len(told) < 20:
        for one in received:
            await adapter.acknowledge(one.receipt)
        received = await read(adapter, 1)
        assert len(values(received)) <= 5
        told += values(received)
    assert told == list(range(20))
    await adapter.close()


async def test_retained_messages_are_history(broker: Broker) -> None:
    adapter = broker.adapter()
    async with publisher(broker.ports["tcp"]) as client:
        await client.publish(f"{name_of(adapter)}/pump/x", "7", qos=1, retain=True)
    await adapter.connect()
    (sample,) = (await adapter.read()).samples
    assert (sample.value, sample.historical, sample.device_time_us) == (7, True, None)
    await adapter.close()


async def test_another_client_of_our_name_ends_the_connection_and_says_so(broker: Broker) -> None:
    adapter = broker.adapter()
    await adapter.connect()
    other = mqtt(adapter._config)
    await other.connect()
    with pytest.raises(DeviceConnectionError) as caught:
        await adapter.read()
    assert "client_id" in caught.value.hint
    await adapter.close()
    await other.close()


async def test_websockets_carry_the_same(broker: Broker) -> None:
    adapter = broker.adapter(transport="websockets", port=broker.ports["websocket"])
    await adapter.connect()
    await publish(broker, adapter, *range(50))
    assert values(await read(adapter, 50, acknowledge=True)) == list(range(50))
    await adapter.close()


async def test_tls_with_a_certificate_on_both_sides_carries_the_same(broker: Broker) -> None:
    tls = {
        "ca_file": str(broker.folder / "ca.pem"),
        "cert_file": str(broker.folder / "client.pem"),
        "key_file": str(broker.folder / "client.key"),
    }
    adapter = broker.adapter(host="localhost", port=broker.ports["tls"], tls=tls)
    await adapter.connect()
    await publish(broker, adapter, *range(50))
    assert values(await read(adapter, 50, acknowledge=True)) == list(range(50))
    await adapter.close()


async def test_who_cannot_be_trusted_is_not_spoken_to(broker: Broker) -> None:
    mutual = {"cert_file": str(broker.folder / "client.pem"), "key_file": str(broker.folder / "client.key")}
    ours = {**mutual, "ca_file": str(broker.folder / "ca.pem")}
    port = broker.ports["tls"]
    for tls, host, what in [
        (mutual, "localhost", "trust"),
        # the certificate is of localhost
        (ours, "127.0.0.1", "trust"),
        ({"ca_file": str(broker.folder / "missing.pem")}, "localhost", "files of tls"),
    ]:
        with pytest.raises(DeviceSecurityError, match=what):
            await broker.adapter(host=host, port=port, tls=tls).connect()
    named_otherwise = broker.adapter(host="127.0.0.1", port=port, tls={**ours, "check_server_name": False})
    await named_otherwise.connect()
    await named_otherwise.close()


async def test_browse_says_what_is_there_with_tags_that_read_it(broker: Broker) -> None:
    seen: dict[str, Any] = {}
    adapter = broker.adapter(browse_s=1.0)
    adapter = broker.adapter(browse_s=1.0, browse_filter=f"{name_of(adapter)}/#")
    topic = adapter._config.browse_filter.removesuffix("#") + "pump"
    async with publisher(broker.ports["tcp"]) as client:

        async def tell() -> None:
            while True:
                await client.publish(topic, b'{"a": {"b c": 1}, "on": true, "text": "x"}')
                await client.publish(topic + "/level", b"21.5")
                await asyncio.sleep(0.05)

        telling = asyncio.create_task(tell())
        async for offer in adapter.browse():
            seen[offer.path] = offer.tag
        telling.cancel()
        await asyncio.wait({telling})
    assert seen == {
        f'{topic} $.a["b c"]': {"name": "a.b_c", "topic": topic, "path": '$.a["b c"]'},
        f"{topic} $.on": {"name": "on", "topic": topic, "path": "$.on", "type": "bool"},
        f"{topic} $.text": {"name": "text", "topic": topic, "path": "$.text", "type": "text"},
        f"{topic}/level": {"name": "level", "topic": f"{topic}/level"},
    }
    MqttConfig.model_validate({"host": "b", "client_id": "c", "tags": [tag for tag in seen.values() if tag]})
