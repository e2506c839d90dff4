"""What of a pipeline's configuration can never have an asset, unless the pipeline itself has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Nameless(NamedTuple):
    """`what` has no asset; `path` is where it stands in the configuration, `place` what could name one there."""

    path: tuple[str | int, ...]
    what: str
    place: str = "the tag"

    @property
    def fault(self) -> str:
        """What is wrong."""
        return f"{self.what} has no asset"

    @property
    def mend(self) -> str:
        """What to do about it."""
        return f"give the pipeline one, or {self.place}"


@runtime_checkable
class Naming(Protocol):
    """The configuration of an adapter that knows which parts of it name no asset."""

    @property
    def nameless(self) -> Sequence[Nameless]:
        """Tags, patterns and sources that have no asset of their own and can get none from what is read."""


def nameless_of(config: object) -> Sequence[Nameless] | None:
    """What of the validated configuration of an adapter has no asset of its own; None: it cannot tell."""
    return config.nameless if isinstance(config, Naming) else None
