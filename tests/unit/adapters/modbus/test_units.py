from __future__ import annotations

from adapters.modbus.units import UnitHealth


def test_a_unit_rests_after_its_failures_and_is_asked_again_at_each_probe() -> None:
    unit = UnitHealth(suspend_after_failures=2, probe_interval_s=10)
    unit.failed(now_s=0)
    assert unit.is_due(0)
    unit.failed(now_s=1)
    assert not unit.is_due(10.9)
    assert unit.is_due(11)
    unit.failed(now_s=11)
    assert not unit.is_due(20)


def test_one_answer_makes_it_whole_again() -> None:
    unit = UnitHealth(suspend_after_failures=1, probe_interval_s=10)
    unit.failed(now_s=0)
    unit.succeeded()
    assert unit.is_due(0)
