"""pint with the units that plants read and it leaves out. Slow to import and to make: `units` does it when it must."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import pint

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


class UnitRegistry:
    """Parses and converts, one thread at a time: pint's registry changes while it is asked."""

    def __init__(self) -> None:
        self._registry: pint.UnitRegistry[Any] = pint.UnitRegistry(on_redefinition="ignore")
        for definition in _DEFINITIONS:
            self._registry.define(definition)
        self._lock = threading.Lock()

    def first_known(self, names: Iterable[str]) -> Any | None:
        """pint's unit of the first name that is one; None when none is."""
        with self._lock:
            for name in names:
                try:
                    return self._registry.parse_units(name)
                except (pint.PintError, AttributeError, TypeError, ValueError, KeyError, SyntaxError):
                    # pint tells of an unknown unit with any of these, depending on where in the text it stumbles
                    continue
        return None

    def converted(self, points: Iterable[float], source: Any, target: Any) -> list[float] | None:
        """Values in another unit; None when the two measure different things."""
        with self._lock:
            try:
                return [float(self._registry.Quantity(point, source).to(target).magnitude) for point in points]
            except (pint.PintError, ArithmeticError, TypeError, ValueError):
                return None


@cache
def unit_registry() -> UnitRegistry:
    """The only one of this process, made at first use: it takes a noticeable part of a second."""
    return UnitRegistry()
