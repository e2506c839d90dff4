from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ironstream.contract import Quality, Severity
from ironstream.gateway.adapter import (
    COMM_LOSS,
    Adapter,
    DeviceAlarm,
    DeviceConnectionError,
    Fault,
    Point,
    Polled,
    Received,
    Sample,
)
from ironstream.gateway.envelope import Envelope
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.report_config import ReportConfig, ReportMode
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


class ListeningAdapter:
    """Tells what it is given, with a receipt each, then waits; `back` are the receipts that came back."""

    paced = False
    points = (X,)

    def __init__(self, told: Sequence[Received], stop: asyncio.Event) -> None:
        self._told = list(told)
        self._stop = stop
        self.back: list[object] = []
        self.back_at_close: list[object] | None = None

    async def connect(self) -> None: ...

    async def read(self) -> Received:
        if len(self._told) == 1:
            self._stop.set()
            await asyncio.Event().wait()
        return self._told.pop(0)

    def pending(self) -> Received:
        return self._told.pop(0)

    async def acknowledge(self, receipt: object) -> None:
        self.back.append(receipt)

    async def close(self) -> None:
        self.back_at_close = list(self.back)


class SlowPublisher(FakePublisher):
    """Kafka has a record a moment after it was put."""

    def put(self, record: Outgoing) -> None:
        super().put(record)
        asyncio.get_running_loop().call_later(0.01, record.settle)


async def listen(
    told: Sequence[Received],
    publisher: FakePublisher,
    metrics: AdapterMetrics | None = None,
    spec: PipelineSpec = SPEC,
) -> ListeningAdapter:
    """A run that ends while the last of `told` is received but not read."""
    stop = asyncio.Event()
    adapter = ListeningAdapter(told, stop)
    async with asyncio.timeout(20):
        await runner(adapter, publisher, metrics or AdapterMetrics(), spec).run(stop)
    return adapter


def runner(
    adapter: Adapter, publisher: FakePublisher, metrics: AdapterMetrics, spec: PipelineSpec = SPEC
) -> PipelineRunner:
    return PipelineRunner(
        spec,
        adapter,
        publisher,
        Envelope(spec, adapter_version="1", hostname="gw", boot="b"),
        PipelineStats("p", metrics),
        AdapterLog(spec, publisher, hostname="gw", boot="b", redact=Redactor()),
        GatewaySettings(backoff_initial_s=0.001, backoff_max_s=0.002),
    )


async def run(answers: Sequence[list[Sample] | Exception]) -> tuple[FakeAdapter, FakePublisher, AdapterMetrics]:
    stop, publisher, metrics = asyncio.Event(), FakePublisher(), AdapterMetrics()
    adapter = FakeAdapter(answers, stop)
    async with asyncio.timeout(20):
        await runner(adapter, publisher, metrics).run(stop)
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


async def test_a_device_that_keeps_what_it_told_hears_of_it_once_kafka_has_it_also_at_the_end() -> None:
    told = [Received([Sample(X, float(number), NOW_US)], receipt=number) for number in range(3)]
    publisher = SlowPublisher()
    adapter = await listen(told, publisher)
    assert [reading["value"] for reading in publisher.of("telemetry.raw")] == [0.0, 1.0, 2.0]
    assert adapter.back_at_close == [0, 1, 2]


async def test_what_was_kept_while_nobody_listened_passes_report_by_exception_and_says_so() -> None:
    lazy = Point("x", report=ReportConfig(mode=ReportMode.ON_CHANGE, deadband=100))
    old = [Sample(lazy, float(number), NOW_US, NOW_US - number, historical=True) for number in (3, 2, 1)]
    publisher = FakePublisher()
    await listen([Received(old), Received([Sample(lazy, 0.0, NOW_US)])], publisher)
    readings = publisher.of("telemetry.raw")
    assert [reading["value"] for reading in readings] == [3.0, 2.0, 1.0, 0.0]
    assert [reading["metadata"].get("historical") for reading in readings] == [True, True, True, None]


async def test_what_may_be_delivered_again_is_told_by_its_time_not_by_our_count() -> None:
    publisher = FakePublisher()
    samples = [Sample(X, 1.0, NOW_US, NOW_US, numbered=False), Sample(X, 2.0, NOW_US, NOW_US + 1)]
    await listen([Received(samples), Received()], publisher)
    first, second = (reading["metadata"] for reading in publisher.of("telemetry.raw"))
    assert not {"boot", "seq"} & first.keys()
    assert (second["boot"], second["seq"]) == ("b", 1)


async def test_an_alarm_of_the_device_goes_to_the_alarms_with_its_own_time() -> None:
    publisher = FakePublisher()
    alarm = DeviceAlarm("overheat", True, NOW_US, NOW_US - 5, Severity.HIGH, "too hot", value=99.0, asset_id="pump-9")
    await listen([Received(alarms=[alarm]), Received()], publisher)
    (record,) = publisher.of("alarms.raw")
    assert (record["kind"], record["type"], record["state"], record["severity"]) == (
        "alarm",
        "overheat",
        "ACTIVE",
        "HIGH",
    )
    assert record["asset_id"] == "pump-9"
    assert record["timestamps"]["device_time"] < record["timestamps"]["gateway_time"]
    assert publisher.records[-1].key == b"default/default/pump-9"


async def test_a_parameter_that_comes_up_while_listening_is_lost_with_its_device_like_any_other() -> None:
    stop, publisher = asyncio.Event(), FakePublisher()

    class Breaking(ListeningAdapter):
        async def read(self) -> Received:
            if len(self._told) == 2:
                self._told.pop(0)
                raise DeviceConnectionError("gone")
            return await super().read()

    told = [Received([Sample(Point("new"), 1.0, NOW_US)]), Received(), Received()]
    async with asyncio.timeout(20):
        await runner(Breaking(told, stop), publisher, AdapterMetrics()).run(stop)
    readings = [(r["parameter"], r["quality"]) for r in publisher.of("telemetry.raw")]
    assert readings == [("new", "GOOD"), ("x", "BAD"), ("new", "BAD")]


async def test_a_part_that_stays_dead_is_one_line_in_the_log_though_the_others_go_on_talking() -> None:
    dead = Received([Sample(Point("y"), None, NOW_US, None, Quality.BAD, COMM_LOSS)], faults=[Fault("timeout", "y")])
    alive = Received([Sample(X, 1.0, NOW_US)])
    back = Received([Sample(Point("y"), 2.0, NOW_US)])
    publisher = FakePublisher()
    await listen([dead, alive, dead, alive, back, dead, Received()], publisher)
    assert [line["event"] for line in publisher.of("logs.adapters")].count("read_fault") == 2


async def test_what_has_no_asset_is_left_out_alone_and_counted() -> None:
    publisher, metrics = SlowPublisher(), AdapterMetrics()
    text = Point("x", is_event=True)
    named, textual = Point("x", asset_id="pump-2"), Point("state", is_event=True, asset_id="pump-2")
    first = Received(
        [Sample(X, 1.0, NOW_US), Sample(named, 2.0, NOW_US), Sample(text, "on", NOW_US), Sample(textual, "on", NOW_US)],
        [DeviceAlarm("Overheat", True, NOW_US)],
        receipt=1,
    )
    last = Received([Sample(X, 3.0, NOW_US, historical=True), Sample(named, 4.0, NOW_US)], receipt=2)
    adapter = await listen([first, last], publisher, metrics, replace(SPEC, asset_id=None))
    assert [(r["asset_id"], r["value"]) for r in publisher.of("telemetry.raw")] == [("pump-2", 2.0), ("pump-2", 4.0)]
    assert [event["to"] for event in publisher.of("events.raw")] == ["on"]
    assert publisher.of("alarms.raw") == []
    assert adapter.back == [1, 2]
    lines = publisher.of("logs.adapters")
    assert [line["event"] for line in lines].count("device_lost") == 0
    assert len([line for line in lines if line["event"] == "read_fault"]) == 2
    labels = {"pipeline_id": "p", "type": "configuration"}
    assert metrics.registry.get_sample_value("adapter_errors_total", labels) == 3


async def test_a_device_that_talks_nonsense_does_not_fill_the_log_and_is_counted_whole() -> None:
    publisher, metrics = FakePublisher(), AdapterMetrics()
    told = [Received(faults=[Fault("protocol", f"message {number} is no JSON")]) for number in range(200)]
    await listen([*told, Received()], publisher, metrics)
    lines = [line for line in publisher.of("logs.adapters") if "fault" in line["event"]]
    assert [line["event"] for line in lines] == ["read_fault"] * 10 + ["more_read_faults"]
    assert lines[-1]["count"] == 190
    labels = {"pipeline_id": "p", "type": "protocol"}
    assert metrics.registry.get_sample_value("adapter_errors_total", labels) == 200
