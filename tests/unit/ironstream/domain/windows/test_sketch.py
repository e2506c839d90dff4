from itertools import chain
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.windows.sketch import EMPTY, bins_of, merge_bins, pack, quantile, unpack

finite = st.floats(allow_nan=False, allow_infinity=False)
QUANTILES = (0.0, 0.01, 0.5, 0.95, 0.99, 1.0)


@given(st.lists(finite, min_size=1, max_size=300), st.sampled_from(QUANTILES))
def test_a_quantile_is_within_one_percent_of_the_value_at_its_rank(values: list[float], q: float) -> None:
    exact = sorted(values)[int(q * (len(values) - 1))]
    found = quantile(bins_of(np.array(values)), q)
    assert found == pytest.approx(exact, rel=0.010001, abs=1e-300)


@given(st.lists(st.lists(finite, max_size=40), max_size=6), st.randoms(use_true_random=False))
def test_merging_leaves_no_trace_of_parts_or_order(parts: list[list[float]], rng: Random) -> None:
    whole = bins_of(np.array(list(chain.from_iterable(parts)), np.float64))
    rng.shuffle(parts)
    merged = EMPTY
    for part in parts:
        merged = merge_bins(merged, bins_of(np.array(part, np.float64)))
    assert [column.tolist() for column in merged] == [column.tolist() for column in whole]
    assert [column.tolist() for column in unpack(pack(merged))] == [column.tolist() for column in whole]


def test_a_skewed_distribution_keeps_its_tail() -> None:
    values = np.random.default_rng(1).lognormal(0, 3, 100_000)
    bins = bins_of(values)
    for q in QUANTILES:
        assert quantile(bins, q) == pytest.approx(np.quantile(values, q, method="lower"), rel=0.010001)


def test_no_values_have_no_quantile() -> None:
    assert np.isnan(quantile(EMPTY, 0.5))


def test_with_more_bins_than_memory_allows_the_large_magnitudes_stay_exact() -> None:
    values = np.concatenate([np.geomspace(1e-290, 1e290, 60_000), -np.geomspace(1e-290, 1e290, 60_000)])
    bins = merge_bins(bins_of(values), EMPTY)
    assert len(bins[0]) <= 4096
    assert bins[1].sum() == len(values)
    assert quantile(bins, 0.99) == pytest.approx(np.quantile(values, 0.99, method="lower"), rel=0.010001)
