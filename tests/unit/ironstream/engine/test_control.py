"""Control records: the engine's own words in the log."""

from __future__ import annotations

import pytest

from ironstream.contract import CONTROL_KEY
from ironstream.engine.control import TICK, Tick, TopologyChange, decode_control, encode_control, is_control
from tests.support.engine import MemoryRecord


def control(value: bytes | None) -> MemoryRecord:
    return MemoryRecord(0, 0, CONTROL_KEY, value)


def test_a_tick_is_read_back() -> None:
    assert decode_control(control(TICK)) == Tick()


def test_a_topology_change_is_read_back() -> None:
    change = TopologyChange(3, 2, "packed")
    assert decode_control(control(encode_control(change))) == change


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]", b'{"kind":"future"}', b'{"kind":"topology"}'])
def test_what_is_not_known_says_nothing(value: bytes | None) -> None:
    assert decode_control(control(value)) is None


def test_only_the_key_makes_a_control_record() -> None:
    assert is_control(control(b"anything"))
    assert not is_control(MemoryRecord(0, 0, b"default/site/asset", TICK))
    assert not is_control(MemoryRecord(0, 0, None, TICK))
