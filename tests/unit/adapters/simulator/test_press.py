from __future__ import annotations

from itertools import pairwise
from random import Random

from adapters.simulator.press import Press


def run(seconds: float) -> tuple[Press, list[tuple[str, float, float, float, bool]]]:
    press = Press(Random("press"))
    rows = []
    for _ in range(round(seconds * 20)):
        press.step()
        rows.append((press.state, press.position, press.force, press.oil_temperature, press.answers))
    return press, rows


def test_it_makes_a_part_every_six_seconds() -> None:
    press, _ = run(60.5)

    assert press.parts == 10


def test_force_is_on_the_part_while_the_ram_is_down_and_only_then() -> None:
    _, rows = run(12)

    for state, position, force, _, _ in rows:
        assert (force > 800) == (state == "pressing") == (position == Press.STROKE_MM and state == "pressing")
        assert 0 <= position <= Press.STROKE_MM
    steps = [abs(b[1] - a[1]) for a, b in pairwise(rows)]
    assert max(steps) < 20, "the ram jumps"


def test_its_oil_passes_60_degrees_in_every_50_s_and_cools_again() -> None:
    _, rows = run(100)

    hot = [row[3] > 60 for row in rows]
    assert sum(b and not a for a, b in pairwise(hot)) == 2
    assert sum(a and not b for a, b in pairwise(hot)) == 2


def test_it_is_off_the_network_for_6_s_of_every_90_s() -> None:
    _, rows = run(180)

    assert 238 <= sum(not row[4] for row in rows) <= 242
