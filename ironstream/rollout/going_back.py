"""Going back to a version that there was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ironstream.errors import ConfigurationError
from ironstream.rollout.audit import audited_change
from ironstream.rollout.history import History
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import OvertakenError
from ironstream.rollout.records import Change, Version
from ironstream.settings import Settings


async def go_back(
    settings: Settings,
    log: TopologyLog,
    number: int | None,
    author: str,
    reason: str,
    check: Callable[[Version], Awaitable[object]],
    after: int | None = None,
) -> tuple[Change | None, Version]:
    """Have a version hold again, the one before this one for None; no change where it does already.

    `after` is the number of the change that it was decided upon; None: whatever holds. `check` raises for a version
    that cannot hold any more. Raises ConfigurationError for one that there is not, and OvertakenError when somebody
    else has made a change since; nothing has changed then.
    """
    holding, wanted = log.history.current, version_to_go_back_to(log.history, number)
    if holding is not None and after not in (None, holding.number):
        raise OvertakenError(
            f"{holding.author} has made version {holding.version} hold since ({holding.action}, {holding.reason!r}).",
            "Look at what holds now, and decide again.",
        )
    if holding is None or holding.version == wanted.number:
        return None, wanted
    await check(wanted)
    return await audited_change(settings, log, wanted.number, "rollback", author, reason, holding.number), wanted


def version_to_go_back_to(history: History, number: int | None) -> Version:
    """The version of this number, for None the one before this one. Raises ConfigurationError."""
    wanted = history.before() if number is None else history.versions.get(number)
    if wanted is None or history.current is None:
        what = "There is no version before this one." if number is None else f"There is no version {number}."
        raise no_version(history, what)
    if wanted.gateway is not None:
        raise ConfigurationError(
            f"Version {wanted.number} was a canary on gateway {wanted.gateway}.",
            f"Its candidate is version {wanted.candidate}, what held beside it version {wanted.parent}.",
        )
    return wanted


def no_version(history: History, what: str) -> ConfigurationError:
    """The error that a version is not there; `what` says which."""
    known = ", ".join(map(str, sorted(history.versions))) or "none"
    return ConfigurationError(what, f"There are: {known}.")
