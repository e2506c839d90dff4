from __future__ import annotations

import dataclasses
import itertools

import pytest

from ironstream.bench.measure import Machine
from ironstream.bench.pipeline import Counts, PipelineResult
from ironstream.bench.scaling import Setup, compared, setups


def test_one_of_the_three_is_changed_at_a_time_and_no_setup_comes_twice() -> None:
    found = setups([1000, 10_000], [1, 12], [1, 4])

    assert found == [Setup(1000, 12, 1), Setup(10_000, 12, 1), Setup(1000, 1, 1), Setup(1000, 12, 4)]
    base = dataclasses.astuple(found[0])
    for one in found[1:]:
        assert sum(a != b for a, b in zip(base, dataclasses.astuple(one), strict=True)) == 1
    assert all(a != b for a, b in itertools.combinations(found, 2))


def _result(cpu: float) -> PipelineResult:
    return PipelineResult(
        machine=Machine(2, 1, "", "", "", "", "", 0.0), workers=1, series=1, hz=1, readings=1, bytes_per_reading=1,
        seconds=1, readings_per_s=1, worker_cpu_s_per_million=cpu, broker_cpu_s_per_million=None,
        worker_peak_mib=[1.0], counts=Counts(1, 0, 0, {}, 0), split=None, baseline=None,
    )  # fmt: skip


def test_cost_is_that_of_the_first_run_times_something() -> None:
    first, second = setups([1000, 10_000], [12], [1])

    costs = [one.cost for one in compared([(first, _result(10.0)), (second, _result(15.0))])]

    assert costs == [pytest.approx(1.0), pytest.approx(1.5)]
