from __future__ import annotations

import pytest

from benchmarks.compare.figures import Spread, figures
from benchmarks.compare.finite import Run


def run(records: int, wall_s: float, cpu_s: float = 0.0, broker_cpu_s: float = 0.0, peak_mib: float = 1.0) -> Run:
    return Run("any", records, wall_s, cpu_s, broker_cpu_s, 0.0, peak_mib, records)


def test_what_both_sizes_take_alike_is_in_no_rate() -> None:
    # 4 s and 10 CPU s to start; then 500 000 records/s at 3 CPU s a million, the broker 1
    found = figures(
        [run(1_000_000, 6.0, 13.0, 1.5, 100.0)],
        [run(5_000_000, 14.0, 25.0, 5.5, 300.0)],
    )

    assert found.records_per_s == Spread(500_000, 500_000, 500_000)
    assert found.cpu_s_per_million.median == pytest.approx(3.0)
    assert found.broker_cpu_s_per_million.median == pytest.approx(1.0)
    assert found.start_s.median == pytest.approx(4.0)
    assert found.peak_mib.median == 300.0
    assert found.rounds == 1


def test_each_round_is_a_rate_and_the_median_counts() -> None:
    short = [run(1_000_000, 10.0)] * 3
    found = figures(short, [run(2_000_000, 10.0 + seconds) for seconds in (1.0, 4.0, 2.0)])

    assert found.records_per_s == Spread(500_000, 250_000, 1_000_000)


def test_a_long_run_that_was_not_longer_gives_no_figures() -> None:
    with pytest.raises(ValueError, match="2,000,000 records in 9"):
        figures([run(1_000_000, 10.0)], [run(2_000_000, 9.0)])


def test_runs_that_do_not_pair_give_no_figures() -> None:
    with pytest.raises(ValueError, match="zip"):
        figures([run(1_000_000, 10.0)] * 2, [run(2_000_000, 19.0)])
