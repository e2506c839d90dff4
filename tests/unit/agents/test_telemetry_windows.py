"""Windows through the whole agent: order and repeats leave no trace, larger sizes equal a direct computation."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracle.rules import Rules, Size
from tests.support.telemetry import START_US, Log, Outcome, expected, message, run, topology_of
from tests.unit.agents.test_telemetry import assert_same_windows

WINDOWS = [(1, 2, 3600), (10, 5, 21600), (60, 10, 172800)]
topology = topology_of(
    "version: 1\nsites: [{id: default}]\nwindows:\n"
    + "".join(f"  - {{size_s: {size}, grace_s: {grace}, late_retention_s: {late}}}\n" for size, grace, late in WINDOWS)
)
RULES = Rules(tuple(Size(*one) for one in WINDOWS))
Reading = tuple[float, float, int]
"""device time in s, value, seq"""
numbers = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
plans = st.lists(st.tuples(st.integers(50, 3000), numbers), min_size=1, max_size=80)
"""ms to the reading before it, and its value"""


def log_of(readings: list[Reading], *, with_seq: bool = True) -> Log:
    log = Log()
    for at_s, value, seq in readings:
        log.add(at_s, message(at_s, value, seq if with_seq else None))
    for after_s in (1000, 2000):
        log.tick(readings[-1][0] + after_s)
    return log


def plain(got: Outcome) -> dict[Any, Any]:
    return {key: (said["aggregates"], said["quality_summary"]) for key, said in got.windows.items()}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(50, 3000), numbers), min_size=1, max_size=80), st.integers(0, 2**32), st.booleans()
)
def test_disorder_within_the_grace_and_repeats_give_the_windows_of_the_ordered_log(
    steps: list[tuple[int, float]], seed: int, with_seq: bool
) -> None:
    times = np.cumsum([step for step, _ in steps]).tolist()
    ordered = [(at / 1000, value, seq) for seq, (at, (_, value)) in enumerate(zip(times, steps, strict=True), 1)]
    rng = Random(seed)
    # each is at most 1.9 s behind: nothing is late for a window that waits 2 s
    shuffled = sorted(ordered, key=lambda one: one[0] + rng.uniform(0, 1.9))
    repeated = [one for reading in shuffled for one in [reading] * rng.choice([1, 1, 2])]
    repeated += rng.sample(shuffled[-100:], k=len(shuffled[-100:]) // 2)
    clean, dirty = log_of(ordered, with_seq=with_seq), log_of(repeated, with_seq=with_seq)
    want, got = run(clean.records, topology), run(dirty.records, topology)
    for key, (values, summary) in plain(want).items():
        found, counts = plain(got)[key]
        assert found == pytest.approx(values, rel=1e-9, abs=1e-6)
        assert counts == summary
        assert len(got.revisions[key]) == 1
    assert got.windows.keys() == want.windows.keys()
    assert len(got.clean) == len(ordered)
    assert_same_windows(got, expected(dirty.records, RULES))


@pytest.mark.parametrize("per_second", [4, 25, 26, 256, 257, 600])
@pytest.mark.parametrize("cuts", [(), tuple(range(0, 4000, 97))])
def test_sizes_built_from_smaller_ones_equal_a_direct_computation(per_second: int, cuts: tuple[int, ...]) -> None:
    values = np.random.default_rng(per_second).lognormal(2, 1, per_second * 12)
    # a gentle disorder, also across the limit of the values that are kept one by one
    readings = [(at / per_second, float(value), at + 1) for at, value in enumerate(values)]
    for at in range(0, len(readings) - 1, 7):
        readings[at], readings[at + 1] = readings[at + 1], readings[at]
    log = log_of(readings)
    got = run(log.records, topology, cuts)
    assert_same_windows(got, expected(log.records, RULES))
    for size in (1, 10):
        said = got.windows[("pump", "temperature"), size * 1_000_000, START_US // 1_000_000 // size]
        assert said["percentile_method"] == ("exact" if per_second * size <= 256 else "sketch")


def test_late_data_restates_each_size_and_the_numbers_are_those_of_all_its_readings() -> None:
    ordered = [(at / 4, float(at % 17), at + 1) for at in range(400)]
    held_back = ordered[40:60]
    log = log_of([*ordered[:40], *ordered[60:], *held_back])
    got = run(log.records, topology)
    assert_same_windows(got, expected(log.records, RULES))
    first = START_US // 1_000_000
    key = (("pump", "temperature"), 1_000_000, first + 12)
    assert [said["revision"] for said in got.revisions[key]] == [0]
    minute = [said for (_, size, _), all_ in got.revisions.items() if size == 60_000_000 for said in all_]
    assert [(said["revision"], said["aggregates"]["count"]) for said in minute] == [(0, 140), (1, 160), (0, 240)]


def test_many_late_readings_of_a_large_window_are_all_in_it() -> None:
    readings = [(at / 300, float(at), at + 1) for at in range(900)]
    log = log_of([*readings[:299], *readings[600:], (30.0, 1.0, 901), *readings[299:600]])
    got = run(log.records, topology)
    assert_same_windows(got, expected(log.records, RULES))
