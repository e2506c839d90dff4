from __future__ import annotations

import numpy as np
import pytest

from ironstream.bench.latency import _times, summarize
from ironstream.bench.pacer import Sent


def test_percentiles_are_of_ages_in_milliseconds() -> None:
    device = np.arange(101) * 1_000
    received = device + np.arange(101) * 2_000

    result = summarize(1000, device, received, Sent(readings=101, late_s=0.25))

    assert (result.p50_ms, result.p95_ms, result.p99_ms, result.max_ms) == (100, 190, 198, 200)
    assert result.readings == 101
    assert result.seconds == pytest.approx(0.1)
    assert result.sender_late_ms == 250


def test_times_of_whole_milliseconds_among_others_are_read() -> None:
    texts = ["1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:01.000Z"]

    assert _times(texts).tolist() == [1, 1_000_000]
