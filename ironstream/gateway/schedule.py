"""When to poll next and how long to wait after a failure. Pure."""

from __future__ import annotations

from math import floor
from random import Random
from typing import Final

_GOLDEN_RATIO: Final = 0.6180339887498949


def phase(number: int) -> float:
    """Where in its interval pipeline `number` (from 0) polls, from 0 to 1: however many there are, they lie apart.

    Polls of all devices at the same moment would fill lines and buffers once a second and leave them idle in between.
    """
    return number * _GOLDEN_RATIO % 1.0


def next_due_s(start_s: float, interval_s: float, now_s: float) -> float:
    """The first time after `now_s` of the series start, start + interval, …

    Polls stay on this grid, so they do not drift; those that a slow read has overrun are left out, not made up for.
    """
    return start_s + (floor((now_s - start_s) / interval_s) + 1) * interval_s


def backoff_s(attempt: int, random: Random, initial_s: float, max_s: float) -> float:
    """Pause before attempt number `attempt` + 1 (from 0): doubled each time up to `max_s`, of which 50 to 100 %.

    The jitter keeps many adapters from coming back to a restarted device or broker at the same moment.
    """
    full = min(max_s, initial_s * 2.0 ** min(attempt, 30))
    return full * random.uniform(0.5, 1.0)
