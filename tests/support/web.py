"""A small plant with a real worker and a real `ironstream web`, and a client of its API."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiokafka import AIOKafkaProducer

from ironstream.contract import Topic, asset_key
from ironstream.settings import Settings
from tests.support.faults.deployment import Deployment, Worker
from tests.support.readings import raw_reading

T = TypeVar("T")
WITHIN_S = 40.0
TOPOLOGY = """
version: 1
tenants: [{id: acme}, {id: other}]
sites: [{id: north, tenant: acme, name: North works}, {id: south, tenant: other}]
windows:
  - {size_s: 1, grace_s: 1}
  - {size_s: 10, grace_s: 2}
assets:
  - id: pump-1
    tenant: acme
    site: north
    name: Feed pump
    parameters:
      - {name: temperature, unit: degC, expected_interval_s: 0.5, range: {min: 0, max: 200}, max_rate: 500}
      - {name: pressure, unit: bar, expected_interval_s: 0.5}
  - id: pump-2
    tenant: acme
    site: north
    parameters: [{name: level, unit: m}]
  - id: fan-1
    tenant: other
    site: south
    parameters: [{name: speed, unit: rpm, expected_interval_s: 0.5}]
alarms:
  - id: hot
    asset: pump-1
    parameter: temperature
    type: overheat
    severity: HIGH
    message: "{asset} is hot"
    condition: {above: 90}
    latched: true
"""
TEMPERATURE = "acme/north/pump-1/temperature"
PRESSURE = "acme/north/pump-1/pressure"
SPEED = "other/south/fan-1/speed"
HOT = "acme/north/pump-1/overheat/rule:hot/temperature"


class WebPlant:
    """The deployment with its processes. `close` ends all of them."""

    def __init__(self, settings: Settings, logs: Path) -> None:
        self.processes = Deployment(settings, assets=1, seed=1, logs=logs)
        self.settings = self.processes.settings
        self.settings.topology.write_text(TOPOLOGY)
        self._logs = logs
        self._seq = 0
        self.web: Worker | None = None
        self.address = ""

    def start_web(self) -> None:
        """Start `ironstream web` on a free port."""
        log = self._logs / "web.log"
        log.unlink(missing_ok=True)
        self.web = Worker(self.processes.environment(), log, ("ironstream.cli", "web", "--port", "0"))
        self.address = wait_for(lambda: address_in(log))

    def stop_web(self) -> None:
        """Kill it."""
        if self.web is not None:
            self.web.kill()

    def close(self) -> None:
        """End all processes."""
        self.stop_web()
        self.processes.close()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the API."""
        async with httpx.AsyncClient(base_url=f"{self.address}api/v1", timeout=20) as client:
            yield client

    def readings(self, series: str, values: Sequence[float | None], at_us: int, step_us: int = 500_000) -> list[Any]:
        """Records of telemetry.raw with these values, one each `step_us`."""
        tenant, site, asset, _ = series.split("/")
        made = []
        for place, value in enumerate(values):
            self._seq += 1
            quality = "BAD" if value is None else "GOOD"
            body = raw_reading(series, value, self._seq, at_us=at_us + place * step_us, quality=quality)
            made.append((asset_key(tenant, site, asset), json.dumps(body).encode()))
        return made

    async def send(self, records: list[Any], topic: str = Topic.TELEMETRY_RAW) -> None:
        """Send records, keys and values, and return when the broker has them."""
        producer = AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all")
        async with producer:
            for key, value in records:
                await producer.send_and_wait(self.settings.topic(topic), key=key, value=value)

    @asynccontextmanager
    async def load(self, *series: str, every_s: float = 0.25) -> AsyncIterator[dict[str, float]]:
        """Readings that come for as long as the block lasts; the last value of each series."""
        last: dict[str, float] = {}

        async def produce() -> None:
            value = 20.0
            async with AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all") as producer:
                while True:
                    value = 20 + (value - 19) % 30
                    for one in series:
                        for key, body in self.readings(one, [value], time.time_ns() // 1000):
                            await producer.send_and_wait(self.settings.topic(Topic.TELEMETRY_RAW), key=key, value=body)
                        last[one] = value
                    await asyncio.sleep(every_s)

        task = asyncio.create_task(produce())
        try:
            yield last
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(ask: Callable[[], Awaitable[T | None]], within_s: float = WITHIN_S) -> T:
    """The first answer that is one. Raises AssertionError when none comes in time."""
    deadline = time.monotonic() + within_s
    while True:
        found = await ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came within {within_s:.0f} s: {ask}"
        await asyncio.sleep(0.1)


def wait_for(ask: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
    """The same without a loop."""
    deadline = time.monotonic() + within_s
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came within {within_s:.0f} s"
        time.sleep(0.05)


async def json_of(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    """The body of an answer that must be one."""
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


async def events_of(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Name and data of server-sent events."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def address_in(log: Path) -> str | None:
    """The address that a web view has written into its log; None as long as it has not."""
    found = re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()) if log.exists() else None
    return found[0] if found else None
