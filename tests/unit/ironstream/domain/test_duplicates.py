"""Which readings have been seen before, whatever runs of the adapter they come from and however they are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.domain.batch import Batch
from ironstream.domain.duplicates import RUNS_KEPT, Duplicates
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import SeriesTable

Sent = tuple[int, int]
"""Run (from 1) and seq."""


def batch_of(sent: list[Sent]) -> Batch:
    """Readings of one series."""
    n = len(sent)
    zeros = np.zeros(n, np.int64)
    return Batch(
        row=np.arange(n), series=zeros, offset=np.arange(n), append=zeros, device=np.arange(n), gateway=zeros,
        value=np.zeros(n), is_null=np.zeros(n, np.bool_), code=np.zeros(n, np.uint8),
        boot=np.array([boot for boot, _ in sent], np.uint64), seq=np.array([seq for _, seq in sent], np.int64),
        reasons=np.zeros(n, np.uint16),
    )  # fmt: skip


def marks(sent: list[Sent], cuts: list[int]) -> list[bool]:
    """Whether each is a duplicate, taken in batches of these sizes, the state of all runs restored between them."""
    table, seen = SeriesTable(), Duplicates()
    table.add(("t", "s", "a", "p"), SeriesRules())
    found: list[bool] = []
    at = 0
    for cut in [*cuts, len(sent)]:
        part = sent[at : at + cut]
        at += cut
        if part:
            found += seen.mark(batch_of(part), table).tolist()
            kept, seen = seen.rest(0), Duplicates()
            seen.restore(0, kept)
    return found


def truth(sent: list[Sent]) -> list[bool]:
    return [one in sent[:at] for at, one in enumerate(sent)]


def test_a_straggler_of_an_earlier_run_does_not_make_the_current_one_forget() -> None:
    sent = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4), (1, 3), (2, 5), (2, 3)]

    assert marks(sent, [1] * len(sent)) == truth(sent)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, RUNS_KEPT), st.integers(1, 12)), max_size=40),
    st.lists(st.integers(1, 6), max_size=40),
)
def test_exactly_the_repeats_of_the_last_runs_are_duplicates(sent: list[Sent], cuts: list[int]) -> None:
    assert marks(sent, cuts) == truth(sent)
