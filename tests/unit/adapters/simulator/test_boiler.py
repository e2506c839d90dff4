from __future__ import annotations

from itertools import pairwise
from random import Random

from adapters.simulator.boiler import Boiler


def history(seconds: int) -> list[Boiler]:
    """The boiler at each second."""
    boiler = Boiler(Random("boiler"))
    moments = []
    for tick in range(seconds * 20):
        if tick % 20 == 0:
            copy = Boiler(boiler.random, boiler.time_s, boiler.pressure, boiler.level, boiler.flue_gas, boiler.firing)
            copy.fuel_m3 = boiler.fuel_m3
            moments.append(copy)
        boiler.step()
    return moments


def test_its_burner_keeps_the_pressure_between_two_limits() -> None:
    moments = history(120)

    assert all(8.9 <= moment.pressure <= 10.6 for moment in moments)
    turned_off = [a.firing and not b.firing for a, b in pairwise(moments)]
    assert 6 <= sum(turned_off) <= 10
    assert moments[-1].fuel_m3 > moments[0].fuel_m3


def test_its_level_falls_below_30_percent_once_a_minute_and_comes_back() -> None:
    moments = history(180)

    low = [moment.state == "low water" for moment in moments]
    assert sum(b and not a for a, b in pairwise(low)) == 3
    assert all(15 < moment.level < 60 for moment in moments)
    assert not any(low[60 * minute : 60 * minute + 25][10:] != [False] * 15 for minute in range(3))


def test_its_flue_gas_sensor_is_dead_for_5_s_of_every_40_s() -> None:
    assert sum(not moment.flue_gas_answers for moment in history(80)) == 10
