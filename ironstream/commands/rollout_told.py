"""How the commands of the rollout tell what holds, and how far a change has come."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from ironstream.commands.output import Output, err, out, print_json_line, progress
from ironstream.errors import IronstreamError
from ironstream.rollout.applying import Applied
from ironstream.rollout.participants import Participants
from ironstream.rollout.progress import Progress, progress_of
from ironstream.rollout.proposing import Answers
from ironstream.rollout.records import Change, Version
from ironstream.rollout.statuses import Status
from ironstream.settings import Settings
from ironstream.topics import STATEFUL_AGENTS


def tell(change: Change | None, version: Version, output: Output = Output.TABLE) -> None:
    """What holds now; no change: it held already."""
    if output is Output.JSON:
        said: dict[str, Any] = {"version": version.number, "sha256": version.sha256, "change": change}
        print_json_line(said)
    elif change is None:
        out().print(f"Version {version.number} holds already: nothing changes.", style="green")
    else:
        before = "" if change.before is None else f", before it {change.before}"
        where = "" if version.gateway is None else f": gateway {version.gateway} tries version {version.candidate}"
        out().print(f"Version {version.number} holds now (change {change.number}{before}){where}.", style="green")


def tell_applied(done: Applied, output: Output = Output.TABLE) -> None:
    """What holds now, and who did not say whether it could take it."""
    tell(done.change, done.version, output)
    if done.answers is not None:
        tell_silent(done.answers, err())


def tell_silent(answers: Answers, console: Console) -> None:
    """Who did not answer, or that nobody was there."""
    for name in answers.silent:
        console.print(f"{name} did not answer: it takes the version when it is back.", style="yellow", markup=False)
    if not (answers.accepted or answers.silent):
        console.print("Nobody follows the topology now: it is taken by whoever starts.", style="yellow")


async def wait_for(
    change: Change, participants: Participants, settings: Settings, timeout_s: float, output: Output
) -> None:
    """Stay until everybody who is there has dealt with a change, and tell of each.

    Raises IronstreamError when somebody has refused it, or the time is up.
    """
    partitions = settings.partitions * len(STATEFUL_AGENTS)
    deadline_s = time.monotonic() + timeout_s
    told: set[str] = set()
    with progress() as bar:
        task = bar.add_task(f"partitions on version {change.version}", total=partitions)
        while True:
            await participants.poll()
            reached = progress_of(change.number, participants.present, partitions)
            bar.update(task, completed=reached.switched)
            _tell_new((*reached.done, *reached.refused), told, output)
            if reached.complete or time.monotonic() > deadline_s:
                break
    _refuse_unless_taken(change, reached)


def _tell_new(statuses: Iterable[Status], told: set[str], output: Output) -> None:
    for status in statuses:
        if status.participant in told:
            continue
        told.add(status.participant)
        if output is Output.JSON:
            print_json_line(status)
        elif status.refused is None:
            where = f" in {status.of} partitions" if status.role == "worker" else ""
            out().print(f"  {status.participant} has it{where}", markup=False)
        else:
            err().print(f"  {status.participant} refuses it", style="red", markup=False)


def _refuse_unless_taken(change: Change, reached: Progress) -> None:
    if reached.refused:
        lines = [f"{one.participant}: {line}" for one in reached.refused for line in str(one.refused).splitlines()]
        raise IronstreamError(
            f"Version {change.version} holds, and is not taken by everybody:\n" + "\n".join(lines),
            "They go on with what they had. Mend it there and they take it, or `ironstream rollback`.",
        )
    if not reached.complete:
        names = ", ".join(one.participant for one in reached.pending)
        lacking = f"{reached.lacking} partitions have no worker" if reached.lacking else ""
        raise IronstreamError(
            f"Version {change.version} holds, and is waited for: {'; '.join(filter(None, (names, lacking)))}.",
            "`ironstream status` shows who has it. It is taken as soon as they can.",
        )
