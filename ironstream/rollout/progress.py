"""How far a change has come among those who follow the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ironstream.rollout.statuses import Status


@dataclass(frozen=True, slots=True)
class Progress:
    """Those who are there, parted by what became of the change; and the partitions of the workers that have switched.

    `lacking` is how many partitions no worker says that it has: one has died, or they are being handed over.
    """

    done: Sequence[Status]
    refused: Sequence[Status]
    pending: Sequence[Status]
    switched: int
    lacking: int

    @property
    def complete(self) -> bool:
        """Whether all have dealt with it."""
        return not self.pending and not self.lacking


def progress_of(change: int, present: Sequence[Status], partitions: int) -> Progress:
    """The progress of a change in a plant with so many partitions of agents; where no worker is, none is waited for."""
    over = [status for status in present if status.is_done_with(change)]
    workers = [status for status in present if status.role == "worker"]
    switched = sum(status.on for status in workers if status.change is not None and status.change >= change)
    return Progress(
        done=[status for status in over if status.refused is None],
        refused=[status for status in over if status.refused is not None],
        pending=[status for status in present if not status.is_done_with(change)],
        switched=switched,
        lacking=max(0, partitions - sum(status.of for status in workers)) if workers else 0,
    )
