"""What an adapter of its machine, or a sink of its target, takes for itself, so that no two must have it.

Beside topology and gateway, which both ask: a process of adapters would load all of the topology's check for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

ONE_OWNER: Final = "let one pipeline have it, whose tags name unit_id and asset where they differ"
"""What to do about two pipelines with one claim."""


@runtime_checkable
class Claimant(Protocol):
    """The configuration of an adapter or a sink that claims something."""

    @property
    def claims(self) -> Sequence[str]:
        """Each as a reader names it, such as `serial port /dev/ttyUSB0`; alike when they are the same thing.

        Without any secret: they stand in messages.
        """


def claims_of(config: object) -> Sequence[str]:
    """What the validated configuration of an adapter or a sink claims; most claim nothing."""
    return config.claims if isinstance(config, Claimant) else ()


@runtime_checkable
class Resident(Protocol):
    """The configuration of a sink whose place may lie within that of another."""

    @property
    def area(self) -> Sequence[str]:
        """Where it is, from the outside in: one that begins with another's lies within that. Without any secret."""


def area_of(config: object) -> tuple[str, ...]:
    """Where a sink of the validated configuration writes; empty for places that have nothing within them."""
    return tuple(config.area) if isinstance(config, Resident) else ()
