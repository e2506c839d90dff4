"""Units of measure: what a unit on the wire means, and how to turn one into another.

A device may send any text as its unit, so nothing here raises, and nothing is given to pint before it is known to look
like a unit (pint evaluates expressions, and `9**9**9` is one).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ironstream.topology.unit_registry import UnitRegistry

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
_USUAL: Final = (
    "degC", "degF", "K", "bar", "mbar", "barg", "psi", "psig", "Pa", "kPa", "MPa", "m", "mm", "m/s", "mm/s",
    "m/s2", "m3/h", "l/min", "kg/h", "kg", "t", "l", "m3", "A", "mA", "V", "kV", "W", "kW", "MW", "kWh", "MWh",
    "Hz", "kHz", "rpm", "s", "min", "h", "%", "ppm", "pH", "NTU", "N", "kN", "Nm", "count",
)  # fmt: skip


def _registry() -> UnitRegistry:
    # most topologies name no unit beyond the tables above, and pint costs more than the check of a plant
    from ironstream.topology.unit_registry import unit_registry

    return unit_registry()


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
    candidates = (name, _POWER.sub(r"**\1", name), name.lower())
    return _registry().first_known(dict.fromkeys(candidates))


def is_known(unit: str) -> bool:
    """True when the unit can be converted at all."""
    return unit in _USUAL or unit in _SPELLINGS or _parse(unit) is not None


def known_units() -> tuple[str, ...]:
    """Names of the units that plants use most, for suggestions."""
    return _USUAL


def known_spellings() -> tuple[str, ...]:
    """What plants write in place of a unit's own name."""
    return tuple(_SPELLINGS)


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
    at = _registry().converted((0.0, 1.0, 1_000.0), left, right)
    if at is None:
        return None
    # the slope over a wide span: 1 - 0 would lose digits beside an offset such as 273.15
    offset, scale = at[0], (at[2] - at[0]) / 1_000.0
    if abs(offset + scale - at[1]) > 1e-9 * max(1.0, abs(at[1])):
        return None
    # fourteen digits: a device's degree Fahrenheit is 32, not 31.999999999999936
    return float(f"{scale:.14g}"), float(f"{offset:.14g}")
