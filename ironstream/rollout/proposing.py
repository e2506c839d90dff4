"""Asking everyone who follows the log whether a version could be taken, before it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from ironstream.errors import ConfigurationError
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import now
from ironstream.rollout.participants import Participants
from ironstream.rollout.records import Proposal

ANSWER_S: Final = 10.0
"""A large topology takes a gateway two seconds to read and check."""


class RefusedError(ConfigurationError):
    """Somebody who follows the log cannot take the version."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What those who were there said, by name. Who was `silent` died, or is cut off: they catch up when they return."""

    accepted: Sequence[str]
    refused: Mapping[str, str]
    silent: Sequence[str]


async def ask(
    log: TopologyLog, participants: Participants, version: int, author: str, timeout_s: float = ANSWER_S
) -> Answers:
    """Propose a version that is written, and wait until all have answered, at most `timeout_s`."""
    asked = {status.participant for status in participants.present}
    proposal = Proposal(str(uuid4()), version, author, now())
    if asked:
        await log.append(proposal)
    said: dict[str, str | None] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            # one that ends in between has no say in it
            while not asked & {status.participant for status in participants.present} <= said.keys():
                await participants.poll()
                for status in participants.present:
                    if status.answer is not None and status.answer.proposal == proposal.id:
                        said[status.participant] = status.answer.refused
    return Answers(
        accepted=[name for name, why in said.items() if why is None],
        refused={name: why for name, why in said.items() if why is not None},
        silent=sorted(asked & {status.participant for status in participants.present} - said.keys()),
    )


async def propose(log: TopologyLog, participants: Participants, version: int, author: str) -> Answers:
    """`ask`, where one refusal is enough. Raises RefusedError with what each of them says."""
    answers = await ask(log, participants, version, author)
    if answers.refused:
        lines = [f"{name}: {line}" for name, why in sorted(answers.refused.items()) for line in why.splitlines()]
        raise RefusedError(
            f"Version {version} is not applied, for not everybody could take it:\n" + "\n".join(lines),
            "Mend it there, or in the file, and apply again. What runs goes on.",
        )
    return answers
