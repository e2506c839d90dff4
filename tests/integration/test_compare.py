"""The comparison's harness with a contender of few lines: what it measures, and what it does not let pass."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.compare.burst import Burst
from benchmarks.compare.compare import compare
from benchmarks.compare.contenders import CONTENDERS, Contender, Started, contract
from benchmarks.compare.finite import measure
from benchmarks.compare.power import Power
from benchmarks.compare.results import read, write
from benchmarks.compare.session import Session
from benchmarks.compare.throughput import Throughput
from benchmarks.compare.workload import Place
from ironstream.bench.deployment import BenchError
from ironstream.commands.children import python
from ironstream.embedded import EmbeddedKafka
from ironstream.errors import ConfigurationError
from ironstream.topics import _admin

WORK = Power(sensors=20)
_REFERENCE = Path(__file__).parents[1] / "support" / "reference_uc2.py"


def reference(flaw: str = "none") -> Contender:
    def commands(place: Place) -> list[Started]:
        return [(python(str(_REFERENCE), flaw), contract(place))]

    return Contender("reference", "Reference", commands)


async def test_a_run_is_measured_checked_and_leaves_nothing_behind(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    # enough for the broker's CPU to be seen, which is counted in ticks of 10 ms
    run = await measure(Session(kafka, tmp_path), reference(), WORK, WORK.load(72_000), 2)

    assert run.records == 72_000
    assert run.outputs == 1_200
    assert run.wall_s > 0
    assert run.cpu_s > 0
    assert run.broker_cpu_s > 0
    assert run.peak_mib > 10
    assert os.listdir(tmp_path) == []
    async with _admin(kafka.bootstrap) as admin:
        assert not [name for name in await admin.list_topics() if name.startswith("w1-")]


async def test_a_run_with_one_wrong_value_counts_for_nothing(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="2 windows have wrong values"):
        await measure(Session(kafka, tmp_path), reference("value"), WORK, WORK.load(2_400), 2)


async def test_a_run_with_a_missing_window_is_given_up(
    kafka: EmbeddedKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.compare.finite._STALLED_S", 8.0)

    with pytest.raises(BenchError, match="1 of 20 windows are missing"):
        await measure(Session(kafka, tmp_path), reference("window"), WORK, WORK.load(1_200), 2)


async def test_a_contender_that_dies_is_an_error_with_its_exit_code(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="exit code 3"):
        await measure(Session(kafka, tmp_path), reference("process"), WORK, WORK.load(1_200), 2)


async def test_a_comparison_goes_on_without_those_who_are_absent_or_fail_and_says_why(tmp_path: Path) -> None:
    absent = Contender("absent", "Absent", lambda _place: [], lambda: "it is not there")
    wrong = replace(reference("value"), name="wrong")
    path = tmp_path / "w1.json"

    found = await compare(
        Throughput(WORK, 1_200, 36_000), [absent, wrong, reference()],
        rounds=1, parallelism=1, path=path, say=lambda _text: None,
    )  # fmt: skip

    assert found.left_out == {"absent": "it is not there"}
    assert "windows have wrong values" in found.failed["wrong"]
    assert list(found.contenders) == ["reference"]
    assert [run.records for run in found.contenders["reference"].runs] == [1_200, 36_000]
    assert read(path, Throughput.kind) == found


async def test_figures_of_another_load_do_not_stand_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "w3.json"
    write(path, Burst.kind("w3", Burst(rate=300).title, {}, {}, {}))

    with pytest.raises(ConfigurationError, match="300 readings/s"):
        await compare(Burst(rate=200), [], rounds=1, parallelism=1, path=path, say=lambda _text: None)


async def test_a_burst_is_measured_counted_and_leaves_nothing_behind(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    burst = Burst(rate=200, times=5, warm_up_s=1, before_s=2, burst_s=1, after_s=3, series=20)
    said: list[str] = []

    [run] = await burst.round(Session(kafka, tmp_path), CONTENDERS["w3"][0], 1, said.append)

    assert run.readings == 400 + 1_000 + 600
    assert [one.name for one in run.phases] == ["before", "during", "after"]
    assert sum(one.readings for one in run.phases) == run.readings
    assert 0 < run.backlog.most <= run.readings
    assert run.cpu_s > 0
    assert run.broker_cpu_s > 0
    assert run.peak_mib > 20
    assert said[0].startswith("ironstream: 2,000 readings")
    assert os.listdir(tmp_path) == []
    async with _admin(kafka.bootstrap) as admin:
        assert not [name for name in await admin.list_topics() if name.startswith("w3-")]


async def test_a_contender_that_dies_before_a_burst_is_an_error_with_its_exit_code(
    kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    burst = Burst(rate=200, times=5, warm_up_s=1, before_s=2, burst_s=1, after_s=3, series=20)
    dead = Contender("dead", "Dead", lambda _place: [(python("-c", "raise SystemExit(3)"), {})])

    with pytest.raises(BenchError, match="dead: dead-0 ended with exit code 3"):
        await burst.round(Session(kafka, tmp_path), dead, 1, lambda _text: None)
