"""When a unit may be asked, on a line whose frames carry no number. Pure: times are s of the caller's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    """Keeps requests apart by `pause_s` of silence, and a unit that owes an answer from being asked anew.

    An RTU answer does not say to which request it belongs. When one was given up, the next one to that unit waits until
    the late answer has come, or until it can be taken for lost: else every answer from then on would belong to the
    request before.
    """

    pause_s: float
    _heard_s: float = -math.inf
    _owed_until_s: dict[int, float] = field(default_factory=dict)

    def heard(self, now_s: float) -> None:
        """Bytes went over the line, of whatever kind."""
        self._heard_s = now_s

    def asked(self, unit_id: int) -> None:
        """The unit owes an answer."""
        self._owed_until_s[unit_id] = math.inf

    def gave_up(self, unit_id: int, until_s: float) -> None:
        """Nobody waits for what the unit may owe any more; it is lost if it has not come by then."""
        if unit_id in self._owed_until_s:
            self._owed_until_s[unit_id] = until_s

    def answered(self, unit_id: int) -> None:
        """The unit owes nothing any more."""
        self._owed_until_s.pop(unit_id, None)

    def wait_s(self, unit_id: int, now_s: float) -> float:
        """How long to wait, and then to ask here again, before the unit may be asked; 0: now."""
        silent_s = self._heard_s + self.pause_s
        return max(silent_s - now_s, self._owed_until_s.get(unit_id, -math.inf) - now_s, 0.0)
