"""What is known of the processes of a gateway at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ironstream.gateway.processes.messages import Report


class ProcessState(StrEnum):
    """What a process is doing. `refused`: it said that its settings are bad, and waits for another topology."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process. `pipelines` are those that it is to run, `report` is what it said of them last.

    `restarts` counts its deaths; `detail` says why it does not run; `refused` are faults by pipeline.
    """

    name: str
    state: ProcessState
    pipelines: Sequence[str]
    pid: int | None = None
    restarts: int = 0
    detail: str | None = None
    report: Report | None = None
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)
