"""Small runs: that their figures are consistent, never that they are fast."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ironstream.bench.bare import PARTS
from ironstream.bench.burst import measure_burst
from ironstream.bench.cli import app
from ironstream.bench.deployment import BenchError
from ironstream.bench.edits import measure_edits
from ironstream.bench.edits_plan import EDITS, ROLLBACK
from ironstream.bench.latency import measure_latency
from ironstream.bench.limits import measure_limits
from ironstream.bench.pipeline import measure_pipeline
from ironstream.bench.profile import MAIN_STEPS, THREAD_STEPS
from ironstream.bench.restart import measure_restart
from ironstream.bench.scaling import measure_scaling, setups
from ironstream.embedded import EmbeddedKafka
from ironstream.topics import _admin


@pytest.fixture(autouse=True)
def _few_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", "4")
    monkeypatch.setenv("IRONSTREAM_COMMIT_INTERVAL_S", "0.5")


async def test_a_pipeline_run_in_avro_counts_every_reading(kafka: EmbeddedKafka) -> None:
    result = await measure_pipeline(
        readings=3_000, series=100, hz=10, wire="avro", bootstrap=kafka.bootstrap, profile=False
    )
    assert result.counts.clean == 3_000
    assert result.counts.windows[1] == 300
    assert result.bytes_per_reading < 200


async def test_a_pipeline_run_counts_every_reading_and_says_where_the_time_went(kafka: EmbeddedKafka) -> None:
    told: list[str] = []

    result = await measure_pipeline(
        readings=30_050, series=100, hz=10, workers=1, bootstrap=kafka.bootstrap, profile=True,
        baseline_readings=500, report=lambda what, _done, _total: told.append(what),
    )  # fmt: skip

    assert result.readings == result.counts.clean == 30_000
    assert result.counts.windows[1] == 3_000
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


async def test_every_part_is_measured_over_every_reading_and_the_pipeline_beside_them(kafka: EmbeddedKafka) -> None:
    result = await measure_limits(readings=2_050, series=100, hz=10, with_pipeline=True, bootstrap=kafka.bootstrap)

    assert [one.part for one in result.limits] == list(PARTS)
    for one in result.limits:
        assert one.readings == result.readings == 2_000
        assert one.readings_per_s > 0
        assert one.cpu_s_per_million > 0
        assert one.broker_cpu_s_per_million is None
    assert result.pipeline is not None
    assert result.pipeline.counts.clean == 2_000
    assert result.share == pytest.approx(result.pipeline.readings_per_s / result.limits[-1].readings_per_s)


async def test_a_burst_is_told_apart_from_what_was_before_and_after(kafka: EmbeddedKafka) -> None:
    result = await measure_burst(
        rate=200, times=5, before_s=2, burst_s=1, after_s=3, series=20, warm_up_s=1, bootstrap=kafka.bootstrap
    )

    assert result.readings == 600 + 1_000 + 600
    assert [one.name for one in result.phases] == ["before", "during", "after"]
    assert [one.rate for one in result.phases] == [200, 1_000, 200]
    before, during, after = result.phases
    assert before.readings <= 600 - 200 + 10
    assert (during.readings, after.readings) == (1_000, 600)
    for one in result.phases:
        assert 0 < one.p50_ms <= one.p99_ms <= one.max_ms
        assert one.sent_per_s > 0
    assert result.backlog.usual > 0
    assert 0 < result.backlog.most <= result.readings
    assert 20 < result.memory_before_mib <= result.memory_peak_mib


async def test_a_reading_s_cost_is_compared_over_series_partitions_and_workers(kafka: EmbeddedKafka) -> None:
    runs = setups([1000], [3], [2])

    result = await measure_scaling(readings=100, hz=10, runs=runs, bootstrap=kafka.bootstrap)

    assert [one.setup for one in result.runs] == runs
    assert [one.readings for one in result.runs] == [20_000, 20_000, 20_000]
    assert [len(one.worker_peak_mib) for one in result.runs] == [1, 1, 2]
    first = result.runs[0]
    assert first.cost == 1
    for one in result.runs:
        assert one.readings_per_s > 0
        assert one.cost == pytest.approx(one.worker_cpu_s_per_million / first.worker_cpu_s_per_million)


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


async def test_a_run_of_edits_checks_every_reading_and_tells_how_long_each_kind_took(kafka: EmbeddedKafka) -> None:
    edits = {kind: EDITS[kind] for kind in ("limit of a parameter", "window added", "pipeline of a gateway")}

    result = await measure_edits(rate=1000, rounds=1, series=10, edits=edits, bootstrap=kafka.bootstrap)

    assert [kind.name for kind in result.kinds] == [*edits, ROLLBACK]
    assert all(kind.edits == 1 and 0 < kind.held_p50_s <= kind.held_max_s for kind in result.kinds)
    assert result.changes == len(edits) + 2
    assert result.readings > 1000
    assert result.refused > 0
