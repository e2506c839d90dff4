from math import nan

import numpy as np
import pytest

from ironstream.domain.windows.late import window_of
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.results import NUMBERS, results
from ironstream.domain.windows.slots import joined

S = 1_000_000


def test_a_window_says_its_bounds_its_numbers_and_whether_its_watermark_has_passed() -> None:
    windows = joined(window_of(3, 3 * S + 250_000, 8.0, 1), window_of(9, 9 * S, nan, 3))
    done = results(Closed(S, np.array([0, 1]), windows), np.array([6 * S, 9 * S]), 2 * S)
    assert (done.start, done.end) == ([3 * S, 9 * S], [4 * S, 10 * S])
    assert done.final == [True, False]
    assert done.exact == [True, True]
    for name in NUMBERS:
        expect = {"stddev": 0.0, "count": 1.0, "pct_good": 0.0}.get(name, 8.0)
        assert done.value(name, 0) == pytest.approx(expect), name
        empty = {"count": 0.0, "pct_good": 0.0}.get(name, nan)
        assert done.value(name, 1) == pytest.approx(empty, nan_ok=True), name
    assert [done.columns[name] for name in ("suspect", "bad")] == [[1, 0], [0, 1]]
