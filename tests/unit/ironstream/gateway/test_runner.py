from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from ironstream.gateway.adapter import DeviceConnectionError, Point, Polled, Received, Sample
from ironstream.gateway.envelope import Envelope
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.runner import PipelineRunner
from ironstream.gateway.secrets import Redactor
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import AdapterMetrics, PipelineStats

X = Point("x")
NOW_US = 1_736_510_463_000_000
SPEC = PipelineSpec(id="p", adapter="fake", asset_id="pump-1", config={}, poll_interval_s=0.001)


class FakePublisher:
    connected = True

    def __init__(self) -> None:
        self.records: list[Outgoing] = []

    async def wait_for_room(self) -> None: ...

    def put(self, record: Outgoing) -> None:
        self.records.append(record)

    def offer(self, record: Outgoing) -> bool:
        self.records.append(record)
        return True

    async def flush(self, timeout_s: float) -> None: ...

    def of(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records if record.topic == topic]


class FakeAdapter(Polled):
    """Gives one answer after the other: samples, or an error; then it stops the run."""

    def __init__(self, answers: Sequence[list[Sample] | Exception], stop: asyncio.Event) -> None:
        self.points = (X,)
        self._answers = list(answers)
        self._stop = stop
        self.connects = 0
        self.closed = False

    async def connect(self) -> None:
        self.connects += 1
        self.closed = False

    async def read(self) -> Received:
        if not self._answers:
            self._stop.set()
            return Received()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Received(answer)

    async def close(self) -> None:
        self.closed = True


async def run(answers: Sequence[list[Sample] | Exception]) -> tuple[FakeAdapter, FakePublisher, AdapterMetrics]:
    stop, publisher, metrics = asyncio.Event(), FakePublisher(), AdapterMetrics()
    adapter = FakeAdapter(answers, stop)
    runner = PipelineRunner(
        SPEC,
        adapter,
        publisher,
        Envelope(SPEC, adapter_version="1", hostname="gw", boot="b"),
        PipelineStats("p", metrics),
        AdapterLog(SPEC, publisher, hostname="gw", boot="b", redact=Redactor()),
        GatewaySettings(backoff_initial_s=0.001, backoff_max_s=0.002),
    )
    async with asyncio.timeout(20):
        await runner.run(stop)
    return adapter, publisher, metrics


async def test_the_loss_of_a_device_with_a_slow_clock_has_the_time_of_that_clock() -> None:
    slow = Sample(X, 1.0, NOW_US, NOW_US - 8_000_000)
    _, publisher, _ = await run([[slow], DeviceConnectionError("gone")])
    lost = publisher.of("telemetry.raw")[1]["timestamps"]
    assert lost["device_time"] < lost["gateway_time"]


async def test_a_defect_of_an_adapter_is_told_and_survived_like_a_lost_device() -> None:
    answers: list[list[Sample] | Exception] = [
        [Sample(X, 1.0, NOW_US)],
        KeyError("defect"),
        [Sample(X, 2.0, NOW_US)],
    ]
    adapter, publisher, metrics = await run(answers)
    assert [reading.get("value") for reading in publisher.of("telemetry.raw")] == [1.0, None, 2.0]
    assert metrics.registry.get_sample_value("adapter_errors_total", {"pipeline_id": "p", "type": "internal"}) == 1
    assert adapter.connects == 2
    assert adapter.closed


async def test_a_device_that_stays_away_is_one_reading_and_one_line_however_often_it_is_tried() -> None:
    adapter, publisher, metrics = await run([DeviceConnectionError("gone")] * 5)
    assert len(publisher.of("telemetry.raw")) == 1
    assert [line["event"] for line in publisher.of("logs.adapters")].count("device_lost") == 1
    assert metrics.registry.get_sample_value("adapter_errors_total", {"pipeline_id": "p", "type": "connection"}) == 5
    assert adapter.connects == 6
