from __future__ import annotations

import numpy as np
import pytest

from ironstream.bench.ages import Ages
from ironstream.bench.burst import backlog, summarize
from ironstream.bench.deployment import BenchError
from ironstream.bench.pacer import Order, Phase, Sent

S = 1_000_000
ORDER = Order((Phase(10, 2), Phase(100, 1), Phase(10, 10)), 5, "a")
SENT = [Sent(20, 0.0, 0, 2 * S), Sent(100, 0.02, 2 * S, 3 * S), Sent(100, 0.0, 3 * S, 13 * S)]
DEVICE = np.concatenate(
    [np.arange(0, 2 * S, S // 10), np.arange(2 * S, 3 * S, S // 100), np.arange(3 * S, 13 * S, S // 10)]
)


def _worked_off(per_s: int, stride: int = 1) -> Ages:
    """One worker takes readings in order, each in 1/per_s of a second, and no sooner than they are made."""
    received = np.empty_like(DEVICE)
    free = 0
    for at, made in enumerate(DEVICE.tolist()):
        free = max(free, made) + S // per_s
        received[at] = free
    return Ages(DEVICE, received, stride, len(DEVICE) * stride, SENT)


def test_the_backlog_of_a_burst_is_gone_when_it_was_worked_off() -> None:
    found = backlog(_worked_off(20), 0.5)

    # 100 in a second at 20/s: 80 are left, and shrink by 10 a second
    assert found.usual == 1
    assert found.most == pytest.approx(80, abs=2)
    assert found.gone_s == pytest.approx(8, abs=0.3)


def test_a_backlog_is_in_readings_where_not_all_are_looked_at() -> None:
    one, ten = backlog(_worked_off(20), 0.5), backlog(_worked_off(20, stride=10), 0.5)

    assert (ten.usual, ten.most, ten.gone_s) == (10 * one.usual, 10 * one.most, one.gone_s)


def test_a_backlog_that_outlives_the_sender_is_never_gone() -> None:
    assert backlog(_worked_off(12), 0.5).gone_s is None


def test_a_backlog_may_be_gone_at_a_number_that_is_the_same_for_everybody() -> None:
    found, ten = backlog(_worked_off(20), 0.5, gone_at=20), backlog(_worked_off(20, stride=10), 0.5, gone_at=200)

    assert found.gone_s == pytest.approx(6, abs=0.3)
    assert ten.gone_s == found.gone_s


def test_nothing_between_warm_up_and_burst_is_an_error() -> None:
    with pytest.raises(BenchError, match="warm-up"):
        backlog(_worked_off(20), 2.0)


def test_each_phase_has_the_readings_that_were_made_in_it() -> None:
    ages = _worked_off(1_000)

    before, during, after = (summarize(name, at, ORDER, ages, 0.5) for at, name in enumerate("abc"))

    assert (before.readings, during.readings, after.readings) == (15, 100, 100)
    assert (before.rate, during.rate, after.rate) == (10, 100, 10)
    assert during.sent_per_s == pytest.approx(100)
    assert during.sender_late_ms == 20
    assert before.p50_ms == before.p99_ms == before.max_ms == 1
