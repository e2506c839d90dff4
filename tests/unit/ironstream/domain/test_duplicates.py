from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.domain.batch import Batch
from ironstream.domain.duplicates import HOLES_KEPT, RUNS_KEPT, TIMES_KEPT, Duplicates, Run
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import SeriesTable


def batch_of(rows: list[tuple[int, int]], times: list[int] | None = None) -> Batch:
    """Readings of series 0 as (boot, seq)."""
    n = len(rows)
    zeros = np.zeros(n, np.int64)
    return Batch(
        row=np.arange(n), series=zeros, offset=zeros, append=zeros, device=np.array(times or [0] * n), gateway=zeros,
        value=np.zeros(n), is_null=np.zeros(n, np.bool_), code=np.zeros(n, np.uint8),
        boot=np.array([boot for boot, _ in rows], np.uint64), seq=np.array([seq for _, seq in rows]),
        reasons=np.zeros(n, np.uint16),
    )  # fmt: skip


def mark(
    rows: list[tuple[int, int]], cuts: list[int], times: list[int] | None = None, *, restart: bool = False
) -> list[bool]:
    table, seen, found = SeriesTable(), Duplicates(), []
    table.add(("t", "s", "a", "p"), SeriesRules())
    bounds = [0, *sorted({cut % (len(rows) + 1) for cut in cuts}), len(rows)]
    for first, last in pairwise(bounds):
        if first < last:
            part = batch_of(rows[first:last], times[first:last] if times else None)
            found += seen.mark(part, table).tolist()
        if restart:
            kept, seen = seen.rest(0), Duplicates()
            seen.restore(0, kept)
    return found


seqs = st.lists(st.tuples(st.integers(1, RUNS_KEPT), st.integers(1, 30)), min_size=1, max_size=80)
runs_of_an_adapter = st.integers(1, 3).flatmap(
    lambda boot: st.integers(1, 40).map(lambda first: [(boot, seq) for seq in range(first, first + 6)])
)
mostly_in_order = st.lists(runs_of_an_adapter, min_size=1, max_size=12).map(
    lambda runs: list(chain.from_iterable(runs))
)


@settings(max_examples=150)
@given(seqs | mostly_in_order, st.lists(st.integers(0, 80), max_size=6), st.booleans())
def test_a_seq_counts_once_in_each_run_in_whatever_order_it_comes(
    rows: list[tuple[int, int]], cuts: list[int], restart: bool
) -> None:
    assert mark(rows, cuts, restart=restart) == [row in rows[:at] for at, row in enumerate(rows)]


def test_a_straggler_of_an_earlier_run_does_not_make_the_current_one_forget() -> None:
    rows = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4), (1, 3), (2, 5), (2, 3)]
    assert mark(rows, list(range(len(rows))), restart=True) == [row in rows[:at] for at, row in enumerate(rows)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_without_seqs_a_time_counts_once(times: list[int], cuts: list[int], restart: bool) -> None:
    found = mark([(0, 0)] * len(times), cuts, times, restart=restart)
    assert found == [time in times[:at] for at, time in enumerate(times)]


def test_times_are_remembered_for_128_readings() -> None:
    times = [*range(TIMES_KEPT + 1), 1, 0]
    assert mark([(0, 0)] * len(times), [], times)[-2:] == [True, False]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_last_4096_seqs_of_a_run_are_known_exactly_whatever_was_lost(step: int) -> None:
    sent = [(1, seq) for seq in range(1, 10_000, step)]
    high = sent[-1][1]
    lost = [(1, seq) for seq in range(high - 4095, high) if (1, seq) not in set(sent)]
    assert not any(mark([*sent, *lost], []))
    assert all(mark([*sent, *sent[-100:]], [])[-100:])


def test_memory_of_a_run_is_bounded_and_what_is_forgotten_counts_as_seen() -> None:
    run = Run(1)
    for seq in range(2, 20_000, 2):
        assert run.add(seq)
    assert len(run.holes) == HOLES_KEPT
    assert not run.add(1)
    assert run.add(19_997)
    assert not run.add(19_997)
