from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.compare.burst import Burst
from benchmarks.compare.burst_figures import BurstFigures, BurstRun, Look, Used, burst_figures, used
from benchmarks.compare.figures import Spread
from benchmarks.compare.report import burst_table
from benchmarks.compare.results import Result, Results, read, write
from benchmarks.plot import main
from ironstream.bench.burst import Backlog, PhaseResult
from ironstream.bench.measure import machine


def run(p99_ms: float = 100.0, gone_s: float | None = 1.0, cpu_s: float = 4.0, peak_mib: float = 500.0) -> BurstRun:
    phases = [
        PhaseResult(name, 10, sent, 0.0, 5, p50, p99, 2 * p99)
        for name, sent, p50, p99 in (("before", 10, 20, 50), ("during", 90, 40, p99_ms), ("after", 10, 30, 60))
    ]
    return BurstRun("any", 2_000_000, phases, Backlog(10, 700, gone_s), cpu_s, 2.0, peak_mib)


def test_medians_and_ranges_are_those_of_the_rounds() -> None:
    found = burst_figures([run(100, 1, 4, 500), run(300, 5, 8, 700), run(200, 2, 6, 600)])

    assert found.rounds == 3
    assert [phase.name for phase in found.phases] == ["before", "during", "after"]
    before, during, _ = found.phases
    assert (before.p50_ms, before.p99_ms) == (Spread(20, 20, 20), Spread(50, 50, 50))
    assert during.p99_ms == Spread(200, 100, 300)
    assert during.sent_per_s == Spread(90, 90, 90)
    assert found.backlog == Spread(700, 700, 700)
    assert found.gone_s == Spread(2, 1, 5)
    assert found.peak_mib == Spread(600, 500, 700)
    assert found.cpu_s_per_million == Spread(3, 2, 4)
    assert found.broker_cpu_s_per_million == Spread(1, 1, 1)


def test_a_backlog_that_outlives_the_sender_once_has_no_median() -> None:
    assert burst_figures([run(gone_s=1), run(gone_s=None), run(gone_s=2)]).gone_s is None


def test_cpu_counts_from_the_last_look_before_the_first_reading() -> None:
    looks = [Look(at, at / 10, at / 100, 1.0) for at in (100, 200, 300, 400)]

    assert used(looks, 250) == Used(20.0, 2.0)
    assert used(looks, 200) == Used(20.0, 2.0)
    assert used(looks, 50) == Used(30.0, 3.0)


def test_without_looks_there_is_no_cpu() -> None:
    with pytest.raises(ValueError, match="nobody looked"):
        used([], 0)


def test_a_burst_is_so_many_times_the_rate_and_its_limits_let_it_through() -> None:
    burst = Burst(rate=100, times=10, warm_up_s=2, before_s=3, burst_s=1, after_s=4, series=50)

    assert burst.warm_up().readings == 200
    assert [phase.readings for phase in burst.order().phases] == [300, 1_000, 400]
    # by its runs, readings of the warm-up and those after it are no duplicates
    assert burst.warm_up().boot != burst.order().boot
    assert (burst.plant.hz, burst.plant.slowest_hz) == (20, 2)


def results(**runs: BurstRun | None) -> Results[BurstRun, BurstFigures]:
    facts = machine(own_kafka=True)
    return Burst.kind(
        "w3",
        "W3",
        {
            name: Result(name, facts, "2025-01-01", 2, [one] if one else [], burst_figures([one]) if one else None)
            for name, one in runs.items()
        },
        {},
        {},
    )


def test_the_table_has_the_least_p99_of_the_burst_first_and_says_who_was_not_done() -> None:
    out = io.StringIO()

    Console(file=out, width=400).print(burst_table(results(slow=run(9_000, None), quick=run(123, 4.5), none=None)))

    lines = [line.split() for line in out.getvalue().splitlines() if line.startswith(("slow", "quick", "none"))]
    assert [line[0] for line in lines] == ["quick", "slow"]
    assert {"123", "4.5", "700", "90", "2", "1"} <= set(lines[0])
    assert "9,000" in lines[1]
    assert "not while sent to" in " ".join(lines[1])


def test_results_are_read_as_they_were_written_and_not_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = results(quick=run(), none=None)

    write(tmp_path / "w3.json", written)

    assert read(tmp_path / "w3.json", Burst.kind) == written
    assert main([str(tmp_path)]) == 1
    assert "no results" in capsys.readouterr().err
