from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.health import health_of
from ironstream.gateway.stats import AdapterMetrics, PipelineStats


def stats(name: str, clock_s: Callable[[], float], *, connected: bool = True) -> PipelineStats:
    made = PipelineStats(name, AdapterMetrics(), clock_s)
    made.connected = connected
    return made


@pytest.mark.parametrize(
    ("connected", "kafka", "errors", "status"),
    [
        ([True, True], True, 0, "healthy"),
        ([True, True], True, 1, "degraded"),
        ([True, False], True, 0, "degraded"),
        ([False, False], True, 0, "unhealthy"),
        ([True, True], False, 0, "unhealthy"),
    ],
)
def test_the_status_says_how_much_of_the_plant_is_read(
    connected: list[bool], kafka: bool, errors: int, status: str
) -> None:
    pipelines = [stats(str(i), lambda: 0.0, connected=up) for i, up in enumerate(connected)]
    for _ in range(errors):
        pipelines[0].failed("timeout")
    answer = health_of(pipelines, kafka)
    assert answer["status"] == status
    assert answer["kafka_connection"] == ("ok" if kafka else "error")
    assert answer["errors_last_minute"] == errors


def test_rates_and_errors_are_those_of_the_last_minute() -> None:
    now_s = 0.0
    one = stats("p", lambda: now_s)
    one.sent(120, 1_736_510_463_000_000)
    one.failed("connection")
    now_s = 60.0
    answer = health_of([one], True)
    assert answer["readings_per_sec"] == 2.0
    assert answer["errors_last_minute"] == 1
    assert answer["last_reading_at"] == "2025-01-10T12:01:03.000000Z"
    now_s = 61.0
    answer = health_of([one], True)
    assert (answer["readings_per_sec"], answer["errors_last_minute"], answer["status"]) == (0.0, 0, "healthy")


def buffer(*, fault: str | None) -> BufferStats:
    made = BufferStats(CollectorRegistry())
    made.enabled, made.fault = True, fault
    return made


@pytest.mark.parametrize(
    ("kafka", "fault", "status"),
    [
        (True, None, "healthy"),
        (False, None, "degraded"),
        (True, "read-only", "degraded"),
        (False, "read-only", "unhealthy"),
    ],
)
def test_kafka_may_be_away_while_a_disk_keeps_what_is_read(kafka: bool, fault: str | None, status: str) -> None:
    answer = health_of([stats("p", lambda: 0.0)], kafka, buffer(fault=fault))
    assert answer["status"] == status
    assert (answer["buffer"]["usable"], answer["buffer"]["fault"]) == (fault is None, fault)
