"""Which units of a device are asked: one that keeps failing is suspended and probed now and then. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class UnitHealth:
    """Failures of one unit in a row, and until when (s, the caller's clock) it is left out."""

    suspend_after_failures: int
    probe_interval_s: float
    failures: int = 0
    suspended_until_s: float = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether the unit is asked in this cycle."""
        return self.failures < self.suspend_after_failures or now_s >= self.suspended_until_s

    def succeeded(self) -> None:
        """The unit answered."""
        self.failures = 0

    def failed(self, now_s: float) -> None:
        """The unit did not answer; from `suspend_after_failures` on it rests until the next probe."""
        self.failures += 1
        self.suspended_until_s = now_s + self.probe_interval_s
