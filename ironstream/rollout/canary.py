"""A canary in the log of topologies: tried on one gateway, promoted."""

from __future__ import annotations

from ironstream.errors import ConfigurationError
from ironstream.rollout.applying import Applied
from ironstream.rollout.audit import audited_change
from ironstream.rollout.beside import base_of, candidate_of
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import write_version
from ironstream.rollout.participants import Participants
from ironstream.rollout.proposing import propose
from ironstream.settings import Settings
from ironstream.topology.sources import CanarySources


async def apply_canary(
    settings: Settings, log: TopologyLog, participants: Participants, canary: CanarySources, author: str, reason: str
) -> Applied:
    """Have the candidate hold for one gateway, and for all else what `beside.base_of` says; both were checked.

    Raises CanaryHoldsError, RefusedError when somebody could not take it, OvertakenError; nothing has changed then.
    """
    holding, version = log.history.current, log.history.version
    base = base_of(log.history, canary.gateway)
    assert holding is not None, "base_of finds what holds"
    if version is not None and version.sha256 == canary.sha256:
        return Applied(version)
    candidate = await write_version(log, canary.candidate, author, reason)
    written = await write_version(
        log, canary, author, reason, candidate=candidate.number, gateway=canary.gateway, parent=base.number
    )
    answers = await propose(log, participants, written.number, author)
    change = await audited_change(settings, log, written.number, "canary", author, reason, holding.number)
    return Applied(written, change, answers)


async def promote_canary(
    settings: Settings, log: TopologyLog, participants: Participants, author: str, reason: str
) -> Applied:
    """Have the candidate of the canary hold for everyone. Raises as `apply_canary`, and where no canary holds."""
    holding, canary = log.history.current, log.history.version
    if holding is None or canary is None or canary.gateway is None:
        raise ConfigurationError(
            "No canary holds.", "Try a file on one gateway first: `ironstream apply --gateway NAME`."
        )
    candidate = candidate_of(log.history, canary)
    answers = await propose(log, participants, candidate.number, author)
    change = await audited_change(settings, log, candidate.number, "promote", author, reason, holding.number)
    return Applied(candidate, change, answers)
