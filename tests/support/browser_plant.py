"""A small plant for the browser tests: a worker and a web view as processes, and a feed whose values never repeat."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaProducer

from ironstream.rollout.applying import apply_sources
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from ironstream.topology.sources import Sources
from tests.support.faults.deployment import Deployment, Worker
from tests.support.faults.oracle import Logged
from tests.support.readings import name_of, raw_reading
from tests.support.web import address_in, wait_for

SCRIPT: Final = "<script>alert(1)</script>"
IMAGE: Final = "<img src=x onerror=alert(1)>"
TEMPERATURE: Final = "acme/north/pump-1/temperature"
PRESSURE: Final = "acme/north/pump-1/pressure"
HOT: Final = "acme/north/pump-2/temperature"
ODD_UNIT: Final = "acme/north/pump-3/flow"
HOT_ALARM: Final = "acme/north/pump-2/overheat/rule:overheat/temperature"
TOPOLOGY: Final = """
version: 1
tenants: [{id: acme, name: Acme}]
sites: [{id: north, tenant: acme, name: North}, {id: bulk, tenant: acme, name: Bulk}]
windows:
  - {size_s: 1, grace_s: 1}
  - {size_s: 10, grace_s: 1}
machine_types:
  - id: pump
    parameters:
      - {name: temperature, unit: degC, expected_interval_s: 2, range: {min: 0, max: 150}, windows_s: [1, 10]}
      - {name: pressure, unit: bar, expected_interval_s: 2, range: {min: 0, max: 1, action: suspect}}
assets:
  - {id: pump-1, tenant: acme, site: north, name: Feed pump 1, machine_type: pump}
  - {id: pump-2, tenant: acme, site: north, name: Feed pump 2, machine_type: pump}
alarms:
  - id: overheat
    type: overheat
    severity: HIGH
    asset: pump-*
    parameter: temperature
    condition: {above: 90, deadband: 2}
    message: "{asset}: bearing at {value} {unit}"
"""
_EVERY_S: Final = 0.5
_START_S: Final = 90.0


class BrowserPlant:
    """Entered while it runs. The feed may be paused, the worker and the web view killed and started again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        self._deployment = Deployment(settings, assets=1, seed=1, logs=folder)
        self.settings = self._deployment.settings
        self.settings.topology.write_text(TOPOLOGY)
        self.address = ""
        self._port = 0
        self._processes: list[Worker] = []
        self.worker: Worker | None = None
        self.web: Worker | None = None
        self._feeding = threading.Event()
        self._ended = threading.Event()
        self._feed = threading.Thread(target=lambda: asyncio.run(self._send_on()), name="feed", daemon=True)

    def __enter__(self) -> BrowserPlant:
        specs = topic_specs(self.settings, [1, 10])
        asyncio.run(ensure_topics(self.settings.kafka_client_kwargs(), specs))
        self.start_worker()
        self.start_web()
        self._feeding.set()
        self._feed.start()
        try:
            wait_for(lambda: all(map(self._is_shown, (TEMPERATURE, PRESSURE, HOT, ODD_UNIT))), 2 * _START_S)
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._feed.join(20)
        for process in self._processes:
            process.kill()
            self._say(process)

    @staticmethod
    def _say(process: Worker) -> None:
        # shown by pytest where a test has failed
        print(process.log.name, process.last_words(8), sep="\n")

    def start_worker(self) -> None:
        """Start the one worker."""
        self.worker = self._deployment.start_worker()
        self._processes.append(self.worker)

    def kill_worker(self) -> None:
        """As a power cut would."""
        assert self.worker is not None
        self.worker.kill()

    def _is_shown(self, series: str) -> bool:
        """Whether the web view knows a value: what a page is of is there when a test opens it."""
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{self.address}api/v1/series/{series}", timeout=10)
            return answer.status_code == 200 and answer.json()["value"] is not None
        return False

    def start_web(self) -> None:
        """Start the web view: at the same address as before, once it had one."""
        self.web, self.address = self.start_another_web({}, self._port)
        self._port = int(self.address.rstrip("/").rpartition(":")[2])

    def start_another_web(self, environment: dict[str, str], port: int = 0) -> tuple[Worker, str]:
        """Start a web view of the same plant with settings of its own; it and its address. It ends with the plant."""
        log = self.folder / f"web-{len(self._processes)}.log"
        web = Worker(self._deployment.environment() | environment, log, ("ironstream.cli", "web", "--port", str(port)))
        self._processes.append(web)
        return web, wait_for(lambda: address_in(log), _START_S)

    def apply(self, text: str, author: str, reason: str) -> int:
        """Have another topology hold; its version."""
        return asyncio.run(self._apply(text.encode(), author, reason))

    async def _apply(self, text: bytes, author: str, reason: str) -> int:
        async with TopologyLog(self.settings) as log:
            await log.catch_up()
            return (await apply_sources(self.settings, log, None, Sources.single(text), author, reason)).version.number

    def kill_web(self) -> None:
        """As a power cut would."""
        assert self.web is not None
        self.web.kill()

    def pause(self) -> None:
        """Send no more readings; what was sent has been acknowledged."""
        self._feeding.clear()
        time.sleep(2 * _EVERY_S)

    def go_on(self) -> None:
        """Send readings again."""
        self._feeding.set()

    def send(self, topic: str, records: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send records (key, body) to a topic without prefix, all acknowledged."""
        asyncio.run(self._send(topic, list(records)))

    def send_malformed(self, asset: str) -> None:
        """Send a reading of an asset that becomes a dead letter: its parameter is called `no parameter!`."""
        key = f"acme/north/{asset}"
        self.send("telemetry.raw", [(key, raw_reading(f"{key}/no parameter!", 1.0, 1))])

    def read(self, topic: str) -> list[Logged]:
        """All records of a topic without prefix."""
        return asyncio.run(self._deployment.read(topic))

    def last_clean(self, series: str) -> dict[str, Any]:
        """The newest clean reading of a series, as Kafka has it."""
        bodies: list[dict[str, Any]] = [json.loads(one.value or b"{}") for one in self.read("telemetry.clean")]
        return [one for one in bodies if name_of(one) == series][-1]

    async def _send(self, topic: str, records: list[tuple[str, dict[str, Any]]]) -> None:
        async with AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all") as producer:
            name = self.settings.topic(topic)
            sent = [
                await producer.send(name, key=key.encode(), value=json.dumps(body).encode()) for key, body in records
            ]
            await asyncio.gather(*sent)

    async def _send_on(self) -> None:
        """A reading of each series twice a second; the values rise and never come again."""
        number = 0
        async with AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all") as producer:
            while not self._ended.is_set():
                if self._feeding.is_set():
                    number += 1
                    for series, base in ((TEMPERATURE, 20), (PRESSURE, 5), (HOT, 95), (ODD_UNIT, 7)):
                        unit: dict[str, Any] = {"unit": IMAGE} if series == ODD_UNIT else {}
                        body = raw_reading(series, round(base + number / 1000, 3), number, **unit)
                        key = series.rpartition("/")[0].encode()
                        name = self.settings.topic("telemetry.raw")
                        await producer.send_and_wait(name, key=key, value=json.dumps(body).encode())
                await asyncio.sleep(_EVERY_S)
