from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.topology import units


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (100, "psi", "bar", 6.894757293168),
        (1, "bar", "kPa", 100),
        (20, "°C", "degF", 68),
        (20, "celsius", "degC", 20),
        (32, "degF", "°C", 0),
        (0, "degC", "K", 273.15),
        (25, "C", "F", 77),
        (3.6, "m3/h", "l/s", 1),
        (3.6, "m³/h", "m^3/h", 3.6),
        (1, "m**3/h", "l/min", 16.6666666666667),
        (1, "mm/s", "m/s", 0.001),
        (50, "%", "1", 0.5),
        (50, "percent", "%", 50),
        (1500, "rpm", "Hz", 25),
        (1500, "1/min", "rpm", 1500),
        (1, "kWh", "MJ", 3.6),
        (1, "Wh", "kWh", 0.001),
        (9.81, "m/s²", "mm/s2", 9810),
        (1000, "Nm", "kN*m", 1),
        (1, "psig", "barg", 0.0689475729),
        (1, "kg/l", "kg/m3", 1000),
        (10_000, "ppm", "%", 1),
        (1, "t/h", "kg/h", 1000),
        (60, "degC/min", "K/s", 1),
        (5, "µm", "mm", 0.005),
        (7, "pH", "pH", 7),
    ],
)
def test_plants_units_convert(value: float, source: str, target: str, expected: float) -> None:
    line = units.conversion(source, target)

    assert line is not None
    scale, offset = line
    assert value * scale + offset == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("source", "target"),
    [("bar", "degC"), ("barg", "bar"), ("Nm3/h", "m3/h"), ("Nm3", "Sm3"), ("flurbs", "bar"), ("bar", ""), ("m", "m2")],
)
def test_what_measures_something_else_does_not_convert(source: str, target: str) -> None:
    assert units.conversion(source, target) is None


def test_a_unit_that_is_not_known_equals_itself() -> None:
    assert units.conversion("flurbs", "flurbs") == (1.0, 0.0)
    assert not units.is_known("flurbs")


def test_the_units_that_are_suggested_are_known() -> None:
    assert [unit for unit in units.known_units() if not units.is_known(unit)] == []


def test_the_units_that_are_known_without_asking_pint_convert() -> None:
    known = (*units.known_units(), *units.known_spellings())

    assert [unit for unit in known if units.conversion(unit, f" {unit}") is None] == []


def test_a_check_of_usual_units_does_not_pay_for_pint() -> None:
    look = (
        "import sys; from ironstream.topology import check_text;"
        " check_text(b'version: 1\\nassets: [{id: a, parameters: [{name: p, unit: degC}]}]');"
        " print(*{'pint', 'numpy'} & sys.modules.keys())"
    )

    found = subprocess.run([sys.executable, "-P", "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.split() == []


def test_there_and_back_is_where_one_was() -> None:
    there, back = units.conversion("degF", "degC"), units.conversion("degC", "degF")

    assert there is not None
    assert back is not None
    assert (41.5 * there[0] + there[1]) * back[0] + back[1] == pytest.approx(41.5)


@pytest.mark.parametrize(
    "text", ["9**9**9", "10**10**10", "__import__('os')", "(" * 500, "a" * 10_000, "m/0", "m**-", "\0"]
)
def test_a_hostile_unit_is_only_unknown(text: str) -> None:
    assert not units.is_known(text)
    assert units.conversion(text, "bar") is None


@given(
    st.text(max_size=40) | st.text("mskgAdCF%°/*^²³1234-. ()_", max_size=20), st.sampled_from(["bar", "degC", "m3/h"])
)
def test_no_text_makes_a_conversion_raise(text: str, target: str) -> None:
    line = units.conversion(text, target)

    assert line is None or len(line) == 2
