"""How often a device can be polled, as far as its configuration tells.

Beside topology and gateway, which both may ask: a process of adapters would load all of the topology's check for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Haste(NamedTuple):
    """Why polls every so often are more than a device, or what lies between, can do."""

    fault: str
    mend: str


@runtime_checkable
class Paced(Protocol):
    """The configuration of an adapter that knows how long a poll takes."""

    def haste(self, poll_interval_s: float) -> Sequence[Haste]:
        """What is against a poll every `poll_interval_s` seconds; nothing where nothing is known to be."""


def haste_of(config: object, poll_interval_s: float) -> Sequence[Haste]:
    """What is against polling with the validated configuration of an adapter so often."""
    return config.haste(poll_interval_s) if isinstance(config, Paced) else ()
