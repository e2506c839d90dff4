"""Each rule of quality alone; how they work together is held to an oracle in tests/unit/agents/test_telemetry.py."""

from collections.abc import Sequence
from math import inf, nan

import numpy as np
import pytest

from ironstream.domain.batch import BAD, GOOD, SUSPECT, UNCERTAIN, Fate, Finding, Reason
from ironstream.domain.duplicates import Duplicates
from ironstream.domain.quality import assess
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import NEVER
from tests.support.batches import S, batch_of, table_of


def reasons_of(rules: SeriesRules, rows: Sequence[tuple[float, float]], *, code: int = GOOD) -> list[Reason]:
    batch = batch_of([(0, at_s, value) for at_s, value in rows], code=code)
    assess(batch, table_of(rules), Duplicates())
    return [Reason(int(reasons)) for reasons in batch.reasons]


def findings_of(rules: SeriesRules, times_s: Sequence[float]) -> list[Finding]:
    return assess(batch_of([(0, at_s, 1.0) for at_s in times_s]), table_of(rules), Duplicates())


NONE, RATE, STUCK = Reason(0), Reason.RATE_OF_CHANGE, Reason.STUCK


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize(("code", "fate"), [(GOOD, Fate.REJECTED), (BAD, Fate.REJECTED)])
def test_what_is_not_a_number_is_refused(value: float, code: int, fate: Fate) -> None:
    batch = batch_of([(0, 1, value)], code=code)
    batch.is_null[:] = False
    assess(batch, table_of(SeriesRules()), Duplicates())
    assert (batch.code[0], batch.fate[0], bool(batch.counted[0])) == (BAD, fate, True)


def test_a_dead_sensor_passes_so_that_consumers_see_it() -> None:
    batch = batch_of([(0, 1, nan)], code=BAD)
    assess(batch, table_of(SeriesRules()), Duplicates())
    assert (batch.code[0], batch.fate[0]) == (BAD, Fate.CLEAN)


@pytest.mark.parametrize(("range_is_bad", "code", "fate"), [(True, BAD, Fate.REJECTED), (False, SUSPECT, Fate.CLEAN)])
def test_the_ends_of_a_range_belong_to_it_and_beyond_is_what_the_rule_says(
    range_is_bad: bool, code: int, fate: Fate
) -> None:
    batch = batch_of([(0, at, value) for at, value in enumerate([0.0, 10.0, -0.1, 10.1])])
    assess(batch, table_of(SeriesRules(minimum=0, maximum=10, range_is_bad=range_is_bad)), Duplicates())
    assert batch.code.tolist() == [GOOD, GOOD, code, code]
    assert batch.fate.tolist() == [Fate.CLEAN, Fate.CLEAN, fate, fate]


def test_a_rate_is_measured_against_the_last_good_value() -> None:
    rows = [(0, 0.0), (1, 10.0), (2, 21.0), (3, 20.0), (10, 90.0)]
    assert reasons_of(SeriesRules(max_rate=10), rows) == [NONE, NONE, RATE, NONE, NONE]


def test_a_new_level_is_believed_after_three_suspects_in_a_row() -> None:
    rows = [(at, value) for at, value in enumerate([0.0, 50, 50, 50, 50, 51, 0])]
    assert reasons_of(SeriesRules(max_step=10), rows) == [NONE, RATE, RATE, RATE, NONE, NONE, RATE]


def test_a_single_spike_does_not_make_the_return_suspect() -> None:
    assert reasons_of(SeriesRules(max_step=10), [(0, 5.0), (1, 50.0), (2, 6.0)]) == [NONE, RATE, NONE]


def test_a_value_is_stuck_once_it_has_not_changed_for_long_enough() -> None:
    rows = [(0, 1.0), (4, 1.0), (5, 1.0), (6, 2.0), (10, 2.0), (11, 2.0)]
    assert reasons_of(SeriesRules(stuck_after_us=5 * S), rows) == [NONE, NONE, STUCK, NONE, NONE, STUCK]


def test_a_gap_tells_how_many_samples_are_missing() -> None:
    (gap,) = findings_of(SeriesRules(expected_interval_us=S), [0, 1, 3, 8])
    assert (gap.type, gap.time) == ("gap", 8 * S)
    assert gap.details == {"expected_interval_ms": 1000, "actual_gap_ms": 5000, "missing_samples": 4}


def test_clock_skew_is_told_once_a_minute_per_asset() -> None:
    batch = batch_of([(0, at, 1.0) for at in range(0, 150, 10)])
    batch.gateway = batch.device + 11 * S
    found = assess(batch, table_of(SeriesRules()), Duplicates())
    assert [(one.type, one.time // S, one.details["skew_ms"], one.of_asset) for one in found] == [
        ("clock_skew", at, 11_000, True) for at in (0, 60, 120)
    ]
    assert set(batch.code.tolist()) == {SUSPECT}


@pytest.mark.parametrize(
    ("device_s", "gateway_s", "code", "fate"),
    [
        (0, 5, GOOD, Fate.CLEAN), (0, 5.000001, SUSPECT, Fate.CLEAN), (None, 5, UNCERTAIN, Fate.CLEAN),
        (3600, 0, SUSPECT, Fate.CLEAN), (3600.000001, 0, BAD, Fate.REJECTED), (0, 31 * 86_400, SUSPECT, Fate.CLEAN),
        (0, 31 * 86_400.1, BAD, Fate.REJECTED),
    ],
)  # fmt: skip
def test_clocks_may_differ_only_so_far(device_s: float | None, gateway_s: float, code: int, fate: Fate) -> None:
    batch = batch_of([(0, gateway_s, 1.0)])
    batch.gateway = batch.device.copy()
    batch.device[:] = NEVER if device_s is None else round(device_s * S)
    assess(batch, table_of(SeriesRules()), Duplicates())
    assert (batch.code[0], batch.fate[0]) == (code, fate)


def test_the_surplus_of_an_asset_is_refused_per_second_of_the_log() -> None:
    limited = SeriesRules(max_rate_per_s=3)
    batch = batch_of([(series, at / 10, 1.0) for at in range(20) for series in (0, 1)])
    batch.row = np.array([2 * at + series for series in (0, 1) for at in range(20)])
    table = table_of(limited, limited)
    found = assess(batch, table, Duplicates())
    passed = sorted((batch.append[batch.fate == Fate.CLEAN] // S).tolist())
    assert passed == [0, 0, 0, 1, 1, 1]
    assert [one.type for one in found] == ["rate_limited"]
    assert table.state["surplus"][:2].sum() == 34
