"""Points that have not been heard for too long. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ironstream.gateway.adapter import Point


@dataclass(frozen=True, slots=True)
class Silent:
    """A point that was not heard for `silence_s`; `source` is where it should have come from."""

    point: Point
    silence_s: float
    source: str


class SilenceWatch:
    """Tells every point that falls silent once, until it is heard again. Times are seconds of the caller's clock."""

    def __init__(self) -> None:
        # for each length of silence, the points by when they were last heard, the longest ago first
        self._heard: dict[float, OrderedDict[str, tuple[float, Point, str]]] = {}
        self._silent: dict[str, tuple[Point, float, str]] = {}

    def heard(self, point: Point, silence_s: float, source: str, now_s: float) -> None:
        """A point was heard, or is waited for from now on."""
        self._silent.pop(point.key, None)
        order = self._heard.setdefault(silence_s, OrderedDict())
        order[point.key] = (now_s, point, source)
        order.move_to_end(point.key)

    def restart(self, now_s: float) -> None:
        """All are waited for anew: the connection is back."""
        for silence_s, order in self._heard.items():
            for key, (_, point, source) in order.items():
                order[key] = (now_s, point, source)
            for point, own_s, source in list(self._silent.values()):
                if own_s == silence_s:
                    order[point.key] = (now_s, point, source)
        self._silent.clear()

    def due_s(self) -> float | None:
        """When the next point falls silent if nothing is heard; None: never."""
        firsts = (next(iter(order.values()))[0] + silence_s for silence_s, order in self._heard.items() if order)
        return min(firsts, default=None)

    def expired(self, now_s: float) -> list[Silent]:
        """The points that have fallen silent since the last call."""
        out: list[Silent] = []
        for silence_s, order in self._heard.items():
            while order:
                key, (heard_s, point, source) = next(iter(order.items()))
                if now_s < heard_s + silence_s:
                    break
                del order[key]
                self._silent[key] = (point, silence_s, source)
                out.append(Silent(point, silence_s, source))
        return out
