from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from ironstream.sinks.stats import LagCollector, SinkStats


def test_health_goes_from_healthy_over_degraded_to_unhealthy_and_back() -> None:
    stats = SinkStats("store", clock_s=lambda: 0.0)
    assert stats.health(breaker_open=False, ready=True, lag_records=0) == {
        "status": "healthy",
        "last_write_at": None,
        "errors_last_minute": 0,
        "last_error": None,
        "breaker": "closed",
        "kafka_connection": "ok",
        "lag_records": 0,
    }
    stats.failed("unavailable", "refused")
    degraded = stats.health(breaker_open=False, ready=True, lag_records=7)
    assert (degraded["status"], degraded["last_error"], degraded["errors_last_minute"]) == ("degraded", "refused", 1)
    unhealthy = stats.health(breaker_open=True, ready=False, lag_records=7)
    assert (unhealthy["status"], unhealthy["breaker"], unhealthy["kafka_connection"]) == ("unhealthy", "open", "error")
    stats.recovered()
    stats.wrote("telemetry.clean", 5)
    healthy = stats.health(breaker_open=False, ready=True, lag_records=0)
    assert (healthy["status"], healthy["last_error"], healthy["errors_last_minute"]) == ("healthy", None, 1)
    assert healthy["last_write_at"]
    assert stats.health(breaker_open=False, ready=False, lag_records=0)["status"] == "degraded"


def test_errors_are_counted_for_a_minute_and_kept_no_longer_also_when_nobody_asks() -> None:
    now_s = 0.0
    stats = SinkStats("store", clock_s=lambda: now_s)
    for second in range(600):
        now_s = float(second)
        stats.failed("timeout", "slow")
    assert len(stats._errors) <= 61
    assert stats.errors_last_minute == 61
    now_s += 60.5
    assert stats.errors_last_minute == 0


def test_metrics_count_rows_refusals_errors_and_what_waits() -> None:
    stats = SinkStats("store")
    stats.waiting("telemetry.clean", 10)
    stats.waiting("telemetry.clean", -4)
    with stats.writing("telemetry.clean"):
        pass
    stats.wrote("telemetry.clean", 3)
    stats.refused("telemetry.clean", "malformed")
    stats.failed("unavailable", "refused by 10.0.0.7")
    text = generate_latest(stats.registry).decode()
    for line in (
        'ironstream_sink_rows_waiting{sink="store",topic="telemetry.clean"} 6.0',
        'ironstream_sink_rows_written_total{sink="store",topic="telemetry.clean"} 3.0',
        'ironstream_sink_rows_refused_total{reason="malformed",sink="store",topic="telemetry.clean"} 1.0',
        'ironstream_sink_errors_total{sink="store",type="unavailable"} 1.0',
        'ironstream_sink_write_seconds_count{sink="store",topic="telemetry.clean"} 1.0',
    ):
        assert line in text
    assert "10.0.0.7" not in text


def test_lag_is_told_as_it_stands_for_each_partition() -> None:
    lags = {("p.telemetry.clean", 1): 5, ("p.events.clean", 0): 0}
    registry = CollectorRegistry()
    registry.register(LagCollector("store", lambda: lags, lambda: bool(lags)))
    text = generate_latest(registry).decode()
    assert 'ironstream_lag_records{partition="1",topic="p.telemetry.clean"} 5.0' in text
    assert 'ironstream_lag_records{partition="0",topic="p.events.clean"} 0.0' in text
    assert 'ironstream_sink_breaker_open{sink="store"} 1.0' in text
    lags.clear()
    text = generate_latest(registry).decode()
    assert "partition=" not in text
    assert 'ironstream_sink_breaker_open{sink="store"} 0.0' in text


def test_another_app_of_the_sink_counts_on_and_has_nothing_waiting_yet() -> None:
    stats = SinkStats("store")
    stats.waiting("telemetry.clean", 7)
    stats.wrote("telemetry.clean", 5)
    stats.failed("unavailable", "away")
    stats.begin_again()
    page = generate_latest(stats.registry).decode()
    assert 'ironstream_sink_rows_written_total{sink="store",topic="telemetry.clean"} 5.0' in page
    assert "ironstream_sink_rows_waiting{" not in page
    assert stats.health(breaker_open=False, ready=True, lag_records=0)["status"] == "healthy"
