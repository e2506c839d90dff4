"""Token buckets."""

from __future__ import annotations

from ironstream.web.auth.limits import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_as_many_as_the_rate_allows() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)

    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    clock.now = 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5


def test_waiting_long_gives_no_more_than_a_burst() -> None:
    clock = Clock()
    buckets = Buckets(1.0, 2, clock)
    buckets.take("a")
    clock.now = 1_000

    assert [bool(buckets.take("a")) for _ in range(3)] == [False, False, True]


def test_of_too_many_keys_the_longest_unused_is_forgotten() -> None:
    buckets = Buckets(0.001, 1, Clock(), most=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key)

    assert buckets.take("a") > 0
    assert buckets.take("b") == 0
