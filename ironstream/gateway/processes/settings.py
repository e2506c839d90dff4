"""How a gateway looks after its processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supervision:
    """Times of a gateway; the defaults are those of a plant, tests take shorter ones.

    A process is asked for its health every `health_interval_s`. One that gives no answer within `health_timeout_s`
    `hung_after` times in a row, or is not ready `start_timeout_s` after its start, is killed. A dead process comes
    back after `backoff_initial_s`, doubled with each death up to `backoff_max_s`, and anew after `steady_s` of life.
    One that is asked to end is killed after `stop_timeout_s`: more than it may take to flush. topology.yaml is looked
    at every `topology_interval_s`, and read when it has not changed for `settle_s`, for an editor may write it in
    pieces.
    """

    health_interval_s: float = 10.0
    health_timeout_s: float = 5.0
    hung_after: int = 3
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 75.0
    backoff_initial_s: float = 1.0
    backoff_max_s: float = 60.0
    steady_s: float = 60.0
    topology_interval_s: float = 0.5
    settle_s: float = 0.3
