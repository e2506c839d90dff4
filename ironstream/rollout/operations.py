"""What is done to the log of topologies: a version written, a change made."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from ironstream.errors import ConfigurationError
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Change, Version
from ironstream.topology import AdapterModels, SinkSorts, parse_sources, read_sources
from ironstream.topology.sources import CanarySources, Sources

Action = Literal["start", "apply", "canary", "promote", "rollback"]


class OvertakenError(ConfigurationError):
    """Somebody else has changed the topology since it was looked at."""


async def write_version(
    log: TopologyLog,
    sources: Sources | CanarySources,
    author: str,
    reason: str,
    *,
    candidate: int | None = None,
    gateway: str | None = None,
    parent: int | None = None,
) -> Version:
    """The version with this text: the one that is there, else a new one. Many may call it at once.

    A canary is always a new one; `parent` is what it goes back to, for all others what holds.
    """
    while True:
        known = None if gateway else log.history.of_text(sources.sha256)
        if known is not None:
            return known
        holding = log.history.current
        version = Version(
            log.history.next_version, sources.sha256, sources.packed(), author, reason, now(),
            parent=holding.version if parent is None and holding is not None else parent,
            candidate=candidate, gateway=gateway,
        )  # fmt: skip
        if await log.append(version):
            return version


async def make_change(log: TopologyLog, version: int, action: Action, author: str, reason: str, after: int) -> Change:
    """Have a version hold from now on. `after` is the number of the change that it was decided upon (0: none).

    Raises OvertakenError when another change was made since.
    """
    history = log.history
    holding = history.current
    change = Change(
        after + 1, str(uuid4()), version, action, author, reason, now(), None if holding is None else holding.version
    )
    if history.next_change == after + 1 and await log.append(change):
        return change
    newest = history.current
    assert newest is not None
    raise OvertakenError(
        f"{newest.author} has made version {newest.version} hold since ({newest.action}, {newest.reason!r}).",
        "Look at `ironstream plan` again, which compares with that one.",
    )


async def start_with(log: TopologyLog, sources: Sources, author: str) -> Change:
    """The change that holds; where there is none yet, one to this topology. Many may call it at once."""
    while (holding := log.history.current) is None:
        version = await write_version(log, sources, author, "first start")
        try:
            return await make_change(log, version.number, "start", author, "first start", 0)
        except OvertakenError:
            continue
    return holding


async def start_with_file(
    log: TopologyLog, path: Path, author: str, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None
) -> None:
    """Where nothing holds yet, have a topology file hold. Raises TopologyError when that cannot be used."""
    if log.history.current is None:
        sources = await asyncio.to_thread(read_sources, path)
        await asyncio.to_thread(parse_sources, sources, path.parent, adapters, sinks)
        await start_with(log, sources, author)


def now() -> str:
    """The time of a record."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
