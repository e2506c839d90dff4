from __future__ import annotations

from itertools import pairwise
from math import isnan

from adapters.simulator.physics import Compressor, Plant, Pump, Tank
from adapters.simulator.registers import image

NOW_US = 1_736_510_463_000_000


def pump(plant: Plant) -> Pump:
    machine = plant.machines[1]
    assert isinstance(machine, Pump)
    return machine


def history(seconds: int) -> list[tuple[float, bool, bool]]:
    plant = Plant(seed=1)
    rows = []
    for second in range(seconds):
        plant.advance_to(second)
        rows.append((pump(plant).temperature, pump(plant).running, pump(plant).tripped))
    return rows


def test_pump_1_starts_overheats_at_about_20_s_trips_and_starts_again() -> None:
    rows = history(130)
    assert next(i for i, (_, running, _) in enumerate(rows) if running) in range(5, 7)
    assert next(i for i, (temperature, _, _) in enumerate(rows) if temperature > 90) in range(19, 23)
    trips = [i for i in range(1, len(rows)) if rows[i][2] and not rows[i - 1][2]]
    assert trips[0] in range(22, 26)
    assert all(45 <= b - a <= 60 for a, b in pairwise(trips))
    assert len(trips) >= 2
    assert max(temperature for temperature, _, _ in rows) < 96
    assert not any(running and tripped for _, running, tripped in rows)


def test_pump_2_never_trips() -> None:
    plant = Plant(seed=1)
    for second in range(300):
        plant.advance_to(second)
        machine = plant.machines[2]
        assert isinstance(machine, Pump)
        assert not machine.tripped
        assert machine.temperature < 70


def test_the_sensor_of_the_tank_is_dead_for_10_s_of_every_30_s() -> None:
    plant = Plant(seed=1)
    dead = []
    for second in range(1, 91):
        plant.advance_to(second)
        tank = plant.machines[3]
        assert isinstance(tank, Tank)
        assert 19 <= tank.level <= 81
        dead.append(isnan(tank.temperature))
    assert 28 <= sum(dead) <= 32


def test_the_compressor_is_off_the_bus_for_4_s_and_its_clock_jumps_past_10_s() -> None:
    plant = Plant(seed=1)
    off, errors = 0, set()
    for tick in range(700):
        plant.advance_to(tick / 10)
        compressor = plant.machines[4]
        assert isinstance(compressor, Compressor)
        off += not compressor.answers
        errors.add(compressor.clock_error_s)
    assert 78 <= off <= 82
    assert errors == {-8.0, -12.0}


def test_the_same_seed_gives_the_same_run_however_often_it_is_looked_at() -> None:
    often, seldom, other = Plant(seed=7), Plant(seed=7), Plant(seed=8)
    for tick in range(1000):
        often.advance_to(tick * 0.013)
    for plant in (often, seldom, other):
        plant.advance_to(20)
    shown = [
        [image(unit, machine, NOW_US) for unit, machine in plant.machines.items()] for plant in (often, seldom, other)
    ]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]


def test_time_never_runs_backwards() -> None:
    plant = Plant()
    plant.advance_to(10)
    before = image(1, plant.machines[1], NOW_US)
    plant.advance_to(3)
    assert image(1, plant.machines[1], NOW_US) == before
