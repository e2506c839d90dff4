"""What the commands of the rollout share about canaries: a topology that is tried on one gateway first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ironstream.commands.output import err
from ironstream.errors import ConfigurationError
from ironstream.rollout.beside import base_of
from ironstream.rollout.history import History
from ironstream.rollout.records import Version
from ironstream.topology import Topology
from ironstream.topology.canary import gateway_part, gateways_of
from ironstream.topology.faults import did_you_mean
from ironstream.topology.sources import CanarySources, Sources, unpacked
from ironstream.versions import checked, checked_version

_NAMED: Final = 10


def canary_of(history: History, gateway: str, sources: Sources, candidate: Topology, folder: Path) -> CanarySources:
    """The canary that tries files, which were checked, on a gateway. Says on stderr what stays as it is.

    Raises ConfigurationError for a gateway that no pipeline names, and where nothing of its own differs; TopologyError
    where what it is to run does not go with what the others run.
    """
    # what a plan needs is costly to import, which every other command would pay for
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.canary.staying import staying, tries_something

    base = base_of(history, gateway)
    parent = checked_version(base)
    known = gateways_of(parent, candidate)
    if gateway not in known:
        names = f"They name {', '.join(known)}." if known else "None of them names any (`gateway:` of a pipeline)."
        raise ConfigurationError(f"No pipeline names a gateway {gateway!r}.", did_you_mean(gateway, known) or names)
    part = gateway_part(parent, candidate, gateway)
    if not tries_something(parent, candidate, part):
        raise ConfigurationError(
            f"Nothing of gateway {gateway} is other than in version {base.number}.",
            "Pipelines that name it belong to it, and assets that no other pipeline delivers. Without --gateway the "
            "file is applied as a whole.",
        )
    canary = CanarySources(gateway, Sources.unpacked(base.packed), sources)
    checked(canary, folder)
    if waits := staying(parent, candidate, part, SINKS):
        more = f" and {len(waits) - _NAMED} more" if len(waits) > _NAMED else ""
        err().print(
            f"Until `ironstream promote`, these stay as they are: {', '.join(waits[:_NAMED])}{more}.",
            style="yellow", markup=False,
        )  # fmt: skip
    return canary


def sources_of(version: Version) -> Sources:
    """What somebody wrote: of a canary the candidate, which is then said on stderr."""
    found = unpacked(version.packed)
    if isinstance(found, Sources):
        return found
    sys.stderr.write(
        f"Version {version.number} is a canary: this is its candidate, version {version.candidate}, which holds for "
        f"gateway {version.gateway}; for all else version {version.parent} does.\n"
    )
    return found.candidate
