"""Small runs: that their figures are consistent, never that they are fast."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ironstream.bench.cli import app
from ironstream.bench.deployment import BenchError
from ironstream.bench.latency import measure_latency
from ironstream.bench.pipeline import measure_pipeline
from ironstream.bench.profile import MAIN_STEPS, THREAD_STEPS
from ironstream.bench.restart import measure_restart
from ironstream.embedded import EmbeddedKafka
from ironstream.topics import _admin


@pytest.fixture(autouse=True)
def _few_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", "4")
    monkeypatch.setenv("IRONSTREAM_COMMIT_INTERVAL_S", "0.5")


async def test_a_pipeline_run_counts_every_reading_and_says_where_the_time_went(kafka: EmbeddedKafka) -> None:
    told: list[str] = []

    result = await measure_pipeline(
        readings=3_050, series=100, hz=10, workers=1, bootstrap=kafka.bootstrap, profile=True,
        baseline_readings=500, report=lambda what, _done, _total: told.append(what),
    )  # fmt: skip

    assert result.readings == result.counts.clean == 3_000
    assert result.counts.windows[1] == 300
    assert result.counts.dead_letters == result.counts.events == 0
    assert result.readings_per_s > 0
    assert result.seconds > 0
    assert result.worker_cpu_s_per_million > 0
    assert result.broker_cpu_s_per_million is None
    assert len(result.worker_peak_mib) == 1
    assert result.worker_peak_mib[0] > 20
    split = result.split
    assert split is not None
    assert all(split.seconds[step] > 0 for step in ("decode", "stages", "encode", "produce"))
    assert set(split.seconds) == {*MAIN_STEPS, *THREAD_STEPS, "other"}
    assert sum(split.seconds[step] for step in (*MAIN_STEPS, "other")) == pytest.approx(split.elapsed_s)
    baseline = result.baseline
    assert baseline is not None
    assert baseline.readings == 500
    assert result.ratio == pytest.approx(result.readings_per_s / baseline.readings_per_s)
    assert {"preloading", "working", "closing windows", "baseline"} <= set(told)
    async with _admin(kafka.bootstrap) as admin:
        assert not [name for name in await admin.list_topics() if name.startswith("bench-")]


async def test_latency_is_measured_at_each_rate(kafka: EmbeddedKafka) -> None:
    results = await measure_latency(
        rates=[100, 200], seconds=2, series=20, warm_up_s=1, bootstrap=kafka.bootstrap
    )  # fmt: skip

    assert [one.rate for one in results.results] == [100, 200]
    for one in results.results:
        assert 0 < one.p50_ms <= one.p95_ms <= one.p99_ms <= one.max_ms
        assert one.rate <= one.readings <= 3 * one.rate + 1


async def test_a_restart_finds_the_state_of_every_series(kafka: EmbeddedKafka) -> None:
    results = await measure_restart(series=200, bootstrap=kafka.bootstrap)

    with_copy, without = results.results
    assert with_copy.local_copy
    assert not without.local_copy
    assert without.changelog_rows > with_copy.changelog_rows
    assert without.changelog_rows >= 200
    assert without.rows_per_s == pytest.approx(without.changelog_rows / without.from_assignment_s)
    for one in results.results:
        assert one.from_start_s > one.from_assignment_s > 0
        assert one.memory_mib > 20


def test_the_command_prints_json(kafka: EmbeddedKafka) -> None:
    arguments = ["pipeline", "--readings", "600", "--series", "20", "--no-baseline", "--no-profile", "-o", "json"]

    done = CliRunner().invoke(app, [*arguments, "--bootstrap", kafka.bootstrap])

    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["counts"]["clean"] == result["readings"] == 600
    assert result["split"] is None
    assert result["machine"]["cpus"] > 0


async def test_too_few_readings_are_refused_before_anything_starts() -> None:
    with pytest.raises(BenchError, match="at least two"):
        await measure_pipeline(readings=100, series=100, hz=10)
