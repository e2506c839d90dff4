from __future__ import annotations

import numpy as np

from ironstream.bench.ages import _times, percentiles, stride_of
from ironstream.bench.pacer import Order, Phase


def test_times_of_whole_milliseconds_among_others_are_read() -> None:
    texts = ["1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:01.000Z"]

    assert _times(texts).tolist() == [1, 1_000_000]


def test_percentiles_do_not_depend_on_the_order() -> None:
    device = np.arange(101, dtype=np.int64) * 1_000
    received = device + np.random.default_rng(1).permutation(101) * 1_000

    found = percentiles(device, received)

    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == (50, 95, 99, 100)


def test_all_readings_are_looked_at_up_to_ten_thousand_a_second() -> None:
    assert [stride_of(Order((Phase(rate, 1),), 10, "a")) for rate in (1, 10_000, 20_000, 200_000)] == [1, 1, 2, 20]
    assert stride_of(Order((Phase(1_000, 1), Phase(50_000, 1)), 10, "a")) == 5
