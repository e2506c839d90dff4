"""A topology is applied: written as a version, asked about, and made to hold for everyone at once."""

from __future__ import annotations

from dataclasses import dataclass

from ironstream.rollout.audit import audited_change
from ironstream.rollout.beside import refuse_beside_canary
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import write_version
from ironstream.rollout.participants import Participants
from ironstream.rollout.proposing import Answers, propose
from ironstream.rollout.records import Change, Version
from ironstream.settings import Settings
from ironstream.topology.sources import Sources


@dataclass(frozen=True, slots=True)
class Applied:
    """What holds now. `change` and the `answers` of those who were there are None where it held already."""

    version: Version
    change: Change | None = None
    answers: Answers | None = None


async def apply_sources(
    settings: Settings, log: TopologyLog, participants: Participants | None, sources: Sources, author: str, reason: str
) -> Applied:
    """Have files that were checked hold from now on; without `participants` nobody is asked.

    Raises CanaryHoldsError while a canary holds, RefusedError when somebody could not take them, OvertakenError when
    somebody else has made a change since `log` was read; nothing has changed then.
    """
    refuse_beside_canary(log.history)
    holding, version = log.history.current, log.history.version
    if version is not None and version.sha256 == sources.sha256:
        return Applied(version)
    written = await write_version(log, sources, author, reason)
    answers = None if participants is None else await propose(log, participants, written.number, author)
    after = 0 if holding is None else holding.number
    change = await audited_change(settings, log, written.number, "apply", author, reason, after)
    return Applied(written, change, answers)
