from __future__ import annotations

from adapters.mqtt.silence import SilenceWatch
from ironstream.gateway.adapter import Point

A, B = Point("a"), Point("b")


def names(watch: SilenceWatch, now_s: float) -> list[str]:
    return [silent.point.parameter for silent in watch.expired(now_s)]


def test_a_point_falls_silent_once_and_may_do_so_again_after_it_was_heard() -> None:
    watch = SilenceWatch()
    watch.heard(A, 10, "t", 0)
    watch.heard(B, 5, "t", 0)
    assert watch.due_s() == 5
    assert names(watch, 4.9) == []
    assert names(watch, 5) == ["b"]
    watch.heard(A, 10, "t", 8)
    assert names(watch, 17) == []
    assert names(watch, 18) == ["a"]
    assert watch.due_s() is None
    watch.heard(A, 10, "t", 20)
    assert names(watch, 30) == ["a"]


def test_after_a_new_connection_all_are_waited_for_anew() -> None:
    watch = SilenceWatch()
    watch.heard(A, 10, "t", 0)
    watch.heard(B, 10, "t", 5)
    assert names(watch, 10) == ["a"]
    watch.restart(14)
    assert names(watch, 23.9) == []
    assert sorted(names(watch, 24)) == ["a", "b"]
