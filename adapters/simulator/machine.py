"""What every machine of the simulated plant is: something that moves in steps. Pure."""

from __future__ import annotations

from math import exp
from typing import Protocol

STEP_S = 0.05
"""Machines move in steps of this size whatever the polling, so a run is the same however often it is looked at."""


class Machine(Protocol):
    """One device of the plant."""

    @property
    def answers(self) -> bool:
        """Whether the device is on the bus."""

    def step(self) -> None:
        """Move on by STEP_S."""


def towards(value: float, goal: float, tau_s: float) -> float:
    """`value` a step later, when it nears `goal` with the time constant `tau_s`."""
    return goal + (value - goal) * exp(-STEP_S / tau_s)
