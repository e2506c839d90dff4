"""What a topology would give up must be meant."""

from __future__ import annotations

from ironstream.errors import ConfigurationError
from ironstream.rollout.log import TopologyLog
from ironstream.topology import Topology, TopologyError
from ironstream.versions import checked_version


def refuse_losses(log: TopologyLog, candidate: Topology) -> None:
    """Raise ConfigurationError where the candidate gives up state that is there."""
    # what a plan needs is costly to import, which every other command would pay for
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.plan import plan

    holding = log.history.version
    if holding is None:
        return
    try:
        before = checked_version(holding)
    except TopologyError:
        return  # this release cannot use it: whatever comes is better
    made = plan(before, candidate, sinks=SINKS)
    if made.needs_flag:
        raise ConfigurationError(
            "This would be lost:\n" + "\n".join(made.losses),
            "If that is meant: `ironstream apply --accept-losses`. `ironstream plan` shows all that changes.",
        )
