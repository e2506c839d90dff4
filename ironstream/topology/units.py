"""Units of measure: what a unit on the wire means, and how to turn one into another.

A device may send any text as its unit, so nothing here raises, and nothing is given to pint before it is known to look
like a unit (pint evaluates expressions, and `9**9**9` is one).
"""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from typing import Any, Final

import pint

_NAME = r"[A-Za-zµμΩ°%]+[A-Za-z_0-9]*"
_TERM = rf"(?:1|{_NAME}(?:(?:\*\*|\^)?-?[1-4]|[⁻]?[¹²³⁴])?)"
_EXPRESSION = re.compile(rf"{_TERM}(?:\s?[/*·. ]\s?{_TERM}){{0,5}}")
_POWER = re.compile(r"(?<=[A-Za-zµμΩ°%])(?:\*\*|\^)?(-?[1-4])(?![\w.])")
_SUPERSCRIPTS = str.maketrans("⁻¹²³⁴", "-1234")

_SPELLINGS: Final[dict[str, str]] = {
    # spelling on the wire → name that pint knows; C and F are temperatures in a plant, never coulomb and farad
    "°C": "degC", "°c": "degC", "℃": "degC", "C": "degC", "celsius": "degC", "Celsius": "degC", "deg_C": "degC",
    "°F": "degF", "℉": "degF", "F": "degF", "fahrenheit": "degF", "Fahrenheit": "degF", "deg_F": "degF",
    "°": "degree", "deg": "degree", "%": "percent", "pct": "percent", "PSI": "psi", "RPM": "rpm", "rev/min": "rpm",
    "1/min": "rpm", "min-1": "rpm", "1/s": "Hz", "s-1": "Hz", "cps": "Hz",
    "Nm": "newton*meter", "N m": "newton*meter", "l/min": "liter/minute", "lpm": "liter/minute", "LPM": "liter/minute",
    "gpm": "gallon/minute", "GPM": "gallon/minute", "cfm": "foot**3/minute", "CFM": "foot**3/minute",
    "kVA": "kilovolt*ampere", "VA": "volt*ampere", "var": "volt*ampere", "kvar": "kilovolt*ampere",
    "degC/min": "delta_degC/minute", "degC/s": "delta_degC/second", "°C/min": "delta_degC/minute",
    "°C/s": "delta_degC/second", "bara": "bar", "bar(a)": "bar", "psia": "psi", "bar(g)": "barg",
}  # fmt: skip

_DEFINITIONS: Final = (
    # pint leaves out what plants read: gauge pressures do not convert to absolute ones, which needs the air's pressure
    "barg = [gauge_pressure]",
    "mbarg = 0.001 * barg",
    "kPag = 0.01 * barg",
    "psig = 0.0689475729 * barg",
    "pH = [acidity]",
    "NTU = [turbidity] = FNU",
    # gas at 0 °C and at 15 °C: the two differ by a twentieth, so neither is the other or a plain m3
    "normal_cubic_meter = [normal_volume] = Nm3",
    "standard_cubic_meter = [standard_volume] = Sm3",
    # a plant counts cycles: 60 rpm are 1 Hz, where pint says that 60 rpm are 2π Hz
    "hertz = turn / second = Hz",
    "percent_relative_humidity = [relative_humidity] = RH",
)


class _Registry:
    """pint's registry, made at first use: it takes a noticeable part of a second."""

    def __init__(self) -> None:
        self.registry: pint.UnitRegistry[Any] = pint.UnitRegistry(on_redefinition="ignore")
        for definition in _DEFINITIONS:
            self.registry.define(definition)
        self.lock = threading.Lock()


@cache
def _registry() -> _Registry:
    return _Registry()


@lru_cache(maxsize=4_096)
def _parse(text: str) -> Any | None:
    """pint's unit, or None when the text is no unit that is known."""
    text = text.strip()
    name = _SPELLINGS.get(text, text)
    if name is text:
        if len(text) > 32 or not _EXPRESSION.fullmatch(text):
            return None
        name = text.replace("·", "*").replace("°C", "degC").replace("°F", "degF").replace("%", "percent")
        name = name.translate(_SUPERSCRIPTS)
    shared = _registry()
    candidates = (name, _POWER.sub(r"**\1", name), name.lower())
    with shared.lock:
        for candidate in dict.fromkeys(candidates):
            try:
                return shared.registry.parse_units(candidate)
            except (pint.PintError, AttributeError, TypeError, ValueError, KeyError, SyntaxError):
                # pint tells of an unknown unit with any of these, depending on where in the text it stumbles
                continue
    return None


def is_known(unit: str) -> bool:
    """True when the unit can be converted at all."""
    return _parse(unit) is not None


def known_units() -> tuple[str, ...]:
    """Names of the units that plants use most, for suggestions."""
    return (
        "degC", "degF", "K", "bar", "mbar", "barg", "psi", "psig", "Pa", "kPa", "MPa", "m", "mm", "m/s", "mm/s",
        "m/s2", "m3/h", "l/min", "kg/h", "kg", "t", "l", "m3", "A", "mA", "V", "kV", "W", "kW", "MW", "kWh", "MWh",
        "Hz", "kHz", "rpm", "s", "min", "h", "%", "ppm", "pH", "NTU", "N", "kN", "Nm", "count",
    )  # fmt: skip


@lru_cache(maxsize=4_096)
def conversion(source: str, target: str) -> tuple[float, float] | None:
    """Scale and offset such that `value_in_target = value_in_source × scale + offset`.

    None when one of the units is not known, when they measure different things, or when no line converts them
    (decibel). Never raises; a text that equals the other converts even if it is not known.
    """
    if source == target:
        return 1.0, 0.0
    left, right = _parse(source), _parse(target)
    if left is None or right is None:
        return None
    shared = _registry()
    with shared.lock:
        try:
            at = [float(shared.registry.Quantity(point, left).to(right).magnitude) for point in (0.0, 1.0, 1_000.0)]
        except (pint.PintError, ArithmeticError, TypeError, ValueError):
            return None
    # the slope over a wide span: 1 - 0 would lose digits beside an offset such as 273.15
    offset, scale = at[0], (at[2] - at[0]) / 1_000.0
    if abs(offset + scale - at[1]) > 1e-9 * max(1.0, abs(at[1])):
        return None
    # fourteen digits: a device's degree Fahrenheit is 32, not 31.999999999999936
    return float(f"{scale:.14g}"), float(f"{offset:.14g}")
