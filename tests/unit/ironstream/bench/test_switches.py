from __future__ import annotations

from collections import defaultdict

from ironstream.bench.switches import Judged, Switches, judge
from ironstream.contract import CONTROL_KEY
from ironstream.engine.control import TICK, TopologyChange, encode_control


def switches(*changes: tuple[int, int, int]) -> Switches:
    """Of (offset, number, version)."""
    found = Switches()
    for offset, number, version in changes:
        found.add(offset, CONTROL_KEY, encode_control(TopologyChange(number, version, "")))
    return found


def test_a_record_stands_behind_the_last_change_before_it() -> None:
    found = switches((10, 1, 1), (20, 2, 5))

    assert [found.version_at(offset) for offset in (9, 11, 19, 21)] == [None, 1, 1, 5]


def test_a_change_that_comes_again_or_is_older_says_nothing() -> None:
    found = switches((10, 2, 2), (20, 2, 2), (30, 1, 1))
    found.add(40, CONTROL_KEY, TICK)
    found.add(50, b"asset", b"{}")

    assert (found.offsets, found.numbers) == ([10], [2])


def test_a_reading_that_names_another_version_than_its_log_is_told() -> None:
    of_partition = defaultdict(Switches, {3: switches((10, 1, 1), (20, 2, 5))})

    found = judge(of_partition, [Judged(3, 5, 9), Judged(3, 15, 1), Judged(3, 25, 1), Judged(3, 25, 5)])

    assert found.right == 3
    assert found.wrong == ["telemetry.raw/3/25 was judged by version 1, not 5"]
