"""What the commands of the rollout share: the log with its topics, a version by its number, who acts."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ironstream.rollout.going_back import no_version
from ironstream.rollout.history import History
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Version
from ironstream.settings import Settings
from ironstream.topics import ensure_all_topics
from ironstream.topology import Topology


@asynccontextmanager
async def open_log(settings: Settings, topology: Topology | None = None) -> AsyncIterator[TopologyLog]:
    """The log of topologies, read to its end. The topics are there: also those of a window that `topology` begins."""
    await ensure_topics_of(settings, topology)
    async with TopologyLog(settings) as log:
        yield log


async def ensure_topics_of(settings: Settings, topology: Topology | None) -> None:
    """The topics of the deployment, also those of windows that `topology` begins."""
    sizes_s = [] if topology is None else [window.size_s for window in topology.windows]
    await ensure_all_topics(settings, sizes_s)


def version_of(history: History, number: int | None) -> Version:
    """A version by its number; the one that holds for None. Raises ConfigurationError."""
    found = history.version if number is None else history.versions.get(number)
    if found is None:
        raise no_version(history, "No topology holds yet." if number is None else f"There is no version {number}.")
    return found


def actor(name: str | None) -> str:
    """Who acts: who is named, else the user of this process."""
    return name or getpass.getuser()
