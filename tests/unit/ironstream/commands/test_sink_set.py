from __future__ import annotations

from pathlib import Path

from ironstream.commands.children import Child
from ironstream.commands.sink_set import SinkChildren


class Running(Child):
    """Runs from the beginning until it is told."""

    runs = True

    @property
    def running(self) -> bool:
        return self.runs


def test_a_sink_keeps_its_child_and_its_place_for_as_long_as_it_is_wanted() -> None:
    made: dict[str, int] = {}

    def make(sink_id: str, place: int) -> Child:
        made[sink_id] = place
        return Running(sink_id, [], Path("log"))

    children = SinkChildren(make)
    one, two = children.of(["one", "two"])
    assert children.of(["two", "one"]) == [two, one]
    assert children.of(["two", "three"])[0] is two
    assert made == {"one": 0, "two": 1, "three": 2}, "a place is free once its process has ended"

    assert isinstance(one, Running)
    one.runs = False
    children.of(["two", "three", "four"])
    assert made["four"] == 0
