"""Subscriptions on a real server: losses, history, back-pressure, filters, alarms."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asyncua import Server, ua

from ironstream.contract import Quality, Severity
from ironstream.gateway.adapter import DeviceConnectionError, DeviceTimeoutError
from tests.support.opcua.client import Seen, connected, make
from tests.support.opcua.server import URI, PlantServer


def tag(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "node": f"nsu={URI};s={name}", **fields}


async def lost(seen: Seen) -> None:
    with pytest.raises(DeviceConnectionError):
        await seen.until(lambda: False)


async def test_what_went_by_during_a_loss_comes_from_history_before_what_is_new() -> None:
    async with PlantServer() as server:
        node = await server.add("a", 0.0)
        await server.add("plain", 0.0)
        assert server.server is not None
        await server.server.historize_node_data_change(node, timedelta(days=1), count=1000)
        # a page holds three values, so that several are fetched
        async with connected(server.endpoint, tags=[tag("a"), tag("plain")], history_page=3) as seen:
            await seen.until(lambda: len(seen.samples) >= 2)
            server.cut()
            await lost(seen)
            for number in range(1, 11):
                await server.set("a", float(number))
                await server.set("plain", float(number))
            # the server writes its history a little later than its values
            while len(await server.nodes["a"].read_raw_history(numvalues=100)) < 11:  # noqa: ASYNC110  nor has history
                await asyncio.sleep(0.01)
            await seen.adapter.connect()
            await server.set("a", 11.0)
            await seen.until(lambda: seen.values("a")[-1] == 11.0)
            await seen.until(lambda: seen.values("plain")[-1] == 10.0)
    assert seen.values("a") == [float(number) for number in range(12)]
    assert [s.historical for s in seen.of("a")] == [False] + [True] * 9 + [False] * 2
    assert seen.values("plain") == [0.0, 10.0]
    times = [s.device_time_us or 0 for s in seen.of("a")]
    assert times == sorted(times)


async def test_a_value_that_did_not_change_during_a_loss_is_confirmed_with_the_servers_time() -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        async with connected(server.endpoint, tags=[tag("a")]) as seen:
            await seen.until(lambda: seen.samples)
            server.cut()
            await lost(seen)
            await seen.adapter.connect()
            await seen.until(lambda: len(seen.samples) == 2)
    first, second = seen.samples
    assert first.value == second.value == 1.0
    assert first.device_time_us is not None
    assert second.device_time_us is not None
    assert second.device_time_us >= first.device_time_us


async def test_a_server_that_was_restarted_is_subscribed_to_anew() -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        async with connected(server.endpoint, tags=[tag("a")]) as seen:
            await seen.until(lambda: seen.samples)
            await server.stop()
            await lost(seen)
            with pytest.raises(DeviceConnectionError):
                await seen.adapter.connect()
            await server.start()
            await seen.adapter.connect()
            await server.set("a", 2.0)
            await seen.until(lambda: seen.values("a")[-1] == 2.0)


async def test_a_server_that_falls_silent_is_noticed_by_its_heartbeat() -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        relay = await _Relay.to(server.port)
        endpoint = server.endpoint.replace(str(server.port), str(relay.port))
        async with connected(endpoint, tags=[tag("a")], heartbeat_timeout_s=0.4, timeout_s=0.4) as seen:
            await seen.until(lambda: seen.samples)
            relay.is_silent = True
            with pytest.raises(DeviceTimeoutError):
                await seen.until(lambda: False)
            # a dead server does not hold up the end
            async with asyncio.timeout(2):
                await seen.adapter.close()
        await relay.close()


async def test_the_session_is_kept_while_polls_are_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.opcua.connection._SESSION_TIMEOUT_MS", 300.0)
    async with PlantServer() as server:
        await server.add("a", 1.0)
        relay = await _Relay.to(server.port)
        endpoint = server.endpoint.replace(str(server.port), str(relay.port))
        async with connected(endpoint, mode="poll", tags=[tag("a")], heartbeat_timeout_s=0.1) as seen:
            await seen.until(lambda: seen.samples)
            before = relay.passed
            async with asyncio.timeout(20):
                while relay.passed == before:  # noqa: ASYNC110  bytes have no event
                    await asyncio.sleep(0.01)
            await seen.until(lambda: len(seen.samples) == 2)
        await relay.close()


async def test_while_nobody_reads_memory_is_bounded_and_the_newest_values_come_after_it() -> None:
    async with PlantServer() as server:
        for number in range(100):
            await server.add(f"t{number}", 0.0)
        tags = [tag(f"t{number}", queue_size=2) for number in range(100)]
        async with connected(server.endpoint, tags=tags, max_waiting=100) as seen:
            await seen.until(lambda: len(seen.samples) >= 100)
            for value in range(1, 30):
                for number in range(100):
                    await server.set(f"t{number}", float(value))
                await asyncio.sleep(0.01)
            # the first read takes what waited: not all 2 900, and the newest come after it
            received = await seen.adapter.read()
            assert len(received.samples) < 1000
            await seen.until(lambda: seen.values("t99")[-1:] == [29.0])


async def test_deadband_and_trigger_are_the_servers() -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        await server.add("b", 1.0)
        tags = [tag("a", deadband="0.5"), tag("b", trigger="status_value_timestamp")]
        async with connected(server.endpoint, tags=tags) as seen:
            await seen.until(lambda: len(seen.samples) >= 2)
            for value in (1.2, 1.4, 3.0):
                await server.set("a", value)
                await asyncio.sleep(0.05)
            await server.set("b", 1.0)
            await seen.until(lambda: seen.values("a")[-1] == 3.0 and len(seen.values("b")) == 2)
    assert seen.values("a") == [1.0, 3.0]


async def test_a_cancelled_read_loses_nothing() -> None:
    async with PlantServer() as server:
        await server.add("a", 0.0)
        async with connected(server.endpoint, tags=[tag("a")]) as seen:
            await seen.until(lambda: seen.samples)
            for value in range(1, 20):
                await server.set("a", float(value))
                reading = asyncio.create_task(seen.adapter.read())
                await asyncio.sleep(0.005)
                reading.cancel()
                done = (await asyncio.gather(reading, return_exceptions=True))[0]
                if not isinstance(done, BaseException):
                    seen.samples += done.samples
            await seen.until(lambda: seen.values("a")[-1] == 19.0)
            seen.samples += seen.adapter.pending().samples
    assert seen.values("a") == [float(value) for value in range(20)]


async def test_no_task_outlives_close() -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        before = asyncio.all_tasks()
        adapter = make(server.endpoint, tags=[tag("a")])
        for _ in range(3):
            await adapter.connect()
        names = {task.get_name() for task in asyncio.all_tasks() - before}
        assert {"publish", "watch"} <= names
        await adapter.close()
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert not {name for name in left if name in ("publish", "watch") or "renewal" in name}


async def test_alarms_follow_their_condition() -> None:
    made: list[Any] = []

    async def prepare(server: Server) -> None:
        generator = await server.get_event_generator(ua.ObjectIds.AlarmConditionType)
        made.append(generator)

    async def tell(active: bool, severity: int, message: str) -> None:
        event = made[0].event
        event.SourceName, event.ConditionName, event.Severity = "Pump 1", "Overheat", severity
        setattr(event, "ActiveState/Id", active)
        setattr(event, "EnabledState/Id", True)
        event.Retain = active
        await made[0].trigger(message=message)

    alarms = [{"asset": "hall", "assets": {"Pump 1": "pump-1"}, "severity": {"critical": 900}}]
    async with PlantServer(prepare=prepare) as server, connected(server.endpoint, alarms=alarms) as seen:
        await tell(True, 850, "too hot")
        await seen.until(lambda: seen.alarms)
        # a change that is none of ours: told once
        await tell(True, 850, "too hot")
        await tell(True, 950, "much too hot")
        await seen.until(lambda: len(seen.alarms) == 2)
        await tell(False, 950, "cool")
        await seen.until(lambda: len(seen.alarms) == 3)
    assert [(a.type, a.active, a.severity, a.message, a.parameter, a.asset_id) for a in seen.alarms] == [
        ("Overheat", True, Severity.HIGH, "too hot", "Pump_1", "pump-1"),
        ("Overheat", True, Severity.CRITICAL, "much too hot", "Pump_1", "pump-1"),
        ("Overheat", False, Severity.CRITICAL, "cool", "Pump_1", "pump-1"),
    ]
    assert all(alarm.device_time_us is not None for alarm in seen.alarms)


async def test_other_events_are_text_where_they_are_wanted() -> None:
    async with PlantServer() as server:
        assert server.server is not None
        generator = await server.server.get_event_generator()
        async with connected(server.endpoint, alarms=[{"events": "events"}]) as seen:
            await generator.trigger(message="door opened")
            await generator.trigger(message="door opened")
            await seen.until(lambda: len(seen.samples) == 2)
    first, second = (str(value) for value in seen.values("events"))
    assert first != second
    assert first.endswith("door opened")
    assert all(s.point.is_event and s.quality is Quality.GOOD for s in seen.samples)


class _Relay:
    """Passes bytes on to a port, until it falls silent."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_silent = False
        self.passed = 0
        self.port = 0

    @classmethod
    async def to(cls, target: int) -> _Relay:
        relay = cls(target)
        relay._server = await asyncio.start_server(relay._accept, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self.is_silent:
                    self.passed += len(data)
                    sink.write(data)
        finally:
            sink.close()
