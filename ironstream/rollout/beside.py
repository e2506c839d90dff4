"""What may be done while a canary holds, and what has to wait. Pure."""

from __future__ import annotations

from ironstream.errors import ConfigurationError
from ironstream.rollout.history import History
from ironstream.rollout.records import Version


class CanaryHoldsError(ConfigurationError):
    """A canary holds, and what was asked for would end it unsaid."""


def refuse_beside_canary(history: History) -> None:
    """Raise CanaryHoldsError while a canary holds: whoever applies a whole file would promote some of it, unsaid."""
    holding = history.version
    if holding is not None and holding.gateway is not None:
        raise CanaryHoldsError(
            f"Gateway {holding.gateway} tries version {holding.candidate} (a canary, version {holding.number}).",
            "`ironstream promote` or `ironstream rollback` first. "
            f"A newer file can be tried in its place: `ironstream apply --gateway {holding.gateway}`.",
        )


def base_of(history: History, gateway: str) -> Version:
    """The version that a canary on this gateway is made with, to which it goes back: what holds for everyone.

    A canary that holds on the same gateway is replaced; beside one on another, CanaryHoldsError is raised.
    """
    holding = history.version
    if holding is None:
        raise ConfigurationError("No topology holds yet.", "Apply the file as a whole first, without --gateway.")
    if holding.gateway is None:
        return holding
    if holding.gateway != gateway:
        refuse_beside_canary(history)
    return parent_of(history, holding)


def parent_of(history: History, canary: Version) -> Version:
    """The version that a canary goes back to."""
    return _other(history, canary, canary.parent)


def candidate_of(history: History, canary: Version) -> Version:
    """The version that a canary tries."""
    return _other(history, canary, canary.candidate)


def _other(history: History, canary: Version, number: int | None) -> Version:
    found = None if number is None else history.versions.get(number)
    if found is None:
        raise ConfigurationError(
            f"Version {canary.number} is made of version {number}, which is not in the log.",
            "`ironstream rollback` with the number of a version (`ironstream history`).",
        )
    return found
