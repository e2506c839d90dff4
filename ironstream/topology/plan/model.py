"""What a plan says, as data: for tables, JSON and the audit."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET

Kind = Literal[
    "deployment", "unregistered", "times", "window", "tenant", "site", "machine_type", "asset", "parameter",
    "pipeline", "tag", "alarm", "sink",
]  # fmt: skip
Effect = Literal["start", "stop", "restart", "changes", "none"]
"""`changes`: takes effect in what runs, which goes on. `none`: nothing that runs is concerned."""


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A field, by its path within the item, with its values before and after.

    A value that is not there is UNSET, which JSON leaves out. Secrets are references, as in the file.
    """

    field: str
    before: Any = UNSET
    after: Any = UNSET


class Item(msgspec.Struct, frozen=True):
    """One part of the file that is not as before. `path` is its place in the file after; in that before if removed.

    `series` is how many series it concerns: declared ones with other rules, those that a pipeline delivers, declared
    ones that an alarm rule watches (assets, where it is on events). `delivers` is what a tag delivers, as
    tenant/site/asset/parameter; empty for texts, which are events.
    """

    kind: Kind
    path: str
    name: str
    change: Literal["added", "removed", "changed"]
    effect: Effect
    fields: tuple[FieldChange, ...] = ()
    series: int = 0
    delivers: str = ""
    note: str = ""


class Counts(msgspec.Struct, frozen=True):
    """How much a plan touches. Series and conditions are those that the file declares, before or after."""

    series: int
    """Series that come, go, or have other rules, windows or conditions."""
    alarms: int
    """Alarm rules that come, go, change, or watch other series."""
    conditions_cleared: int
    """Pairs of rule and series (asset, on events) that are no longer watched: what was raised there is cleared."""
    starts: int
    stops: int
    restarts: int
    """Of pipelines and sinks."""


class SinkCost(msgspec.Struct, frozen=True):
    """Rows a day that an enabled sink gets at most: of readings, and of aggregates by window size in seconds.

    `topics` is empty where the kind of the sink was not known; then so are the rows.
    """

    id: str
    topics: tuple[str, ...]
    readings_per_day: int
    aggregates_per_day: dict[int, int]


class Cost(msgspec.Struct, frozen=True):
    """What a topology asks for."""

    readings_per_s: float
    """Of what is polled, at most: report by exception sends less."""
    unpaced_tags: int
    """Tags of enabled pipelines that nobody polls: the device decides how much they send."""
    series: int
    """Declared, or delivered by an enabled pipeline."""
    conditions: int
    """Pairs of an enabled alarm rule and a declared series (asset, on events) that it watches."""
    topics: int
    partitions: int
    """Of all topics together."""
    sinks: tuple[SinkCost, ...]


class Plan(msgspec.Struct, frozen=True):
    """What changes from one topology to another. `cost_before` is None where there was none.

    `losses` are sentences about state that is given up and history that changes its meaning; with any of them,
    `needs_flag` is True: whoever applies the plan has to say that this is meant.
    """

    items: tuple[Item, ...]
    counts: Counts
    losses: tuple[str, ...]
    needs_flag: bool
    cost_before: Cost | None
    cost_after: Cost
