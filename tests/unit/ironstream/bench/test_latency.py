from __future__ import annotations

import numpy as np
import pytest

from ironstream.bench.ages import Ages
from ironstream.bench.deployment import BenchError
from ironstream.bench.latency import summarize
from ironstream.bench.pacer import Sent


def _ages(device_us: list[int], age_us: list[int]) -> Ages:
    device = np.array(device_us, np.int64)
    sent = Sent(readings=len(device), late_s=0.25, began_us=0, ended_us=2_000_000)
    return Ages(device, device + np.array(age_us, np.int64), 1, len(device), [sent])


def test_percentiles_are_of_ages_in_milliseconds() -> None:
    result = summarize(1000, _ages([n * 1_000 for n in range(101)], [n * 1_000 for n in range(101)]), 0)

    assert (result.p50_ms, result.p95_ms, result.p99_ms, result.max_ms) == (50, 95, 99, 100)
    assert result.readings == 101
    assert result.seconds == pytest.approx(0.1)
    assert result.sender_late_ms == 250
    assert result.sent_per_s == pytest.approx(50.5)


def test_the_warm_up_does_not_count() -> None:
    result = summarize(1, _ages([0, 1_000_000, 2_000_000], [900_000, 5_000, 7_000]), 1.0)

    assert (result.readings, result.max_ms) == (2, 7)


def test_a_measurement_no_longer_than_its_warm_up_is_an_error() -> None:
    with pytest.raises(BenchError, match="after the warm-up"):
        summarize(1, _ages([0, 1_000], [1, 1]), 5.0)
