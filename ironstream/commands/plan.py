"""`ironstream plan`: what a topology file would change, before anybody applies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from ironstream.commands.held import held_version
from ironstream.commands.options import BootstrapOption, OutputOption, length_of, settings_of
from ironstream.commands.output import Output, out, print_json, print_table
from ironstream.errors import ConfigurationError
from ironstream.topology import TopologyError, read_sources
from ironstream.versions import checked, checked_version

if TYPE_CHECKING:
    from ironstream.settings import Settings
    from ironstream.topology import Topology
    from ironstream.topology.plan import Cost, FieldChange, Item, Plan

_STYLES: Final = {"start": "green", "stop": "red", "restart": "yellow", "changes": "cyan", "none": "dim"}
_SHOWN_MAX: Final = 1_000
"""Parts in the table; JSON has all."""

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="File to plan [IRONSTREAM_TOPOLOGY, topology.yaml].")
]
AgainstOption = Annotated[
    Path | None, typer.Option("--against", metavar="FILE", help="File to compare with, in place of what holds.")
]
VersionOption = Annotated[
    int | None, typer.Option("--version", metavar="NUMBER", help="Version to compare with, in place of what holds.")
]
ReplayOption = Annotated[
    str | None,
    typer.Option("--replay", metavar="LENGTH", help="Run both on what was recorded so long until now: 30m, 1h, 2d."),
]


@dataclass(frozen=True, slots=True)
class Before:
    """What a plan starts from: a topology (None where nothing holds yet), and what to call it."""

    name: str
    topology: Topology | None


def plan(
    file: FileArgument = None,
    *,
    against: AgainstOption = None,
    version: VersionOption = None,
    replay: ReplayOption = None,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a topology file would change: what starts, stops and restarts, what is touched, lost, and costs.

    Compared with the version that holds in the deployment's log. Nothing is changed. With --replay both are run on what
    was recorded, apart from the deployment, and the table tells how what they make of it differs.
    Exit code 2 for a file with faults.

    Examples:

      ironstream plan

      ironstream plan plant.yaml --replay 1h

      ironstream plan --version 12

      ironstream plan plant.yaml --against topology.yaml --output json
    """
    # what a check needs is costly to import, which every other command would pay for
    from adapters.registry import is_polled
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.check import no_collection
    from ironstream.topology.plan import plan as plan_of

    settings = settings_of(bootstrap=bootstrap)
    if against is not None and version is not None:
        raise ConfigurationError("What to compare with is told in two ways.", "Give --against or --version, not both.")
    length = None if replay is None else length_of(replay)
    path = file or settings.topology
    # all that is made here lives as long as the command
    with no_collection():
        candidate = checked(read_sources(path), path.parent)
        before = before_of_file(against) if against is not None else before_of_log(settings, version)
        if length is not None and before.topology is None:
            raise ConfigurationError(
                "No topology holds yet, so there is nothing to run the candidate against.",
                "Name a file with --against, or apply one first.",
            )
        made = plan_of(before.topology, candidate, sinks=SINKS, polled=is_polled)
        told = {"before": before.name, "after": str(path), **_fields(made)}
        if output is Output.TABLE:
            _show(made, before.name, str(path))
    if length is not None and before.topology is not None:
        from ironstream.commands.plan_replay import replayed, show

        difference = replayed(settings, before.topology, candidate, length)
        if output is Output.TABLE:
            show(difference, before.name, str(path))
        told["replay"] = difference
    if output is Output.JSON:
        print_json(told)


def before_of_file(path: Path) -> Before:
    """The topology of another file. Raises TopologyError for one that cannot be used."""
    return Before(str(path), checked(read_sources(path), path.parent))


def before_of_log(settings: Settings, number: int | None) -> Before:
    """The version that holds, or the one of this number; no topology where nothing holds yet.

    Raises BrokerError when Kafka is away, ConfigurationError for a version that there is not or that cannot be used.
    """
    version = held_version(settings, number)
    if version is None:
        return Before("nothing", None)
    try:
        return Before(f"version {version.number}", checked_version(version))
    except TopologyError as err:
        raise ConfigurationError(
            f"Version {version.number} of the topology cannot be used by this release: {err.message}",
            "Compare with a file (--against) or another version (--version).",
        ) from err


def _fields(made: Plan) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__struct_fields__}


def _show(made: Plan, before: str, after: str) -> None:
    console = out()
    if not made.items:
        console.print(f"Nothing changes: {after} means the same as {before}.", style="green", markup=False)
        return
    rows = [_row(item) for item in made.items[:_SHOWN_MAX]]
    print_table(f"{before} → {after}", ("effect", "what", "name", "series", "change", "path"), rows)
    if len(made.items) > _SHOWN_MAX:
        console.print(f"{len(made.items) - _SHOWN_MAX:,} more: --output json has them all.", style="yellow")
    counts = made.counts
    console.print(
        f"\n{counts.starts:,} to start, {counts.stops:,} to stop, {counts.restarts:,} to restart. "
        f"Touched: {counts.series:,} series, {counts.alarms:,} alarm rules; "
        f"{counts.conditions_cleared:,} conditions are given up.\n"
    )
    print_table("", ("cost", "before", "after"), _costs(made))
    if made.losses:
        console.print(Text("\nThis is lost:", style="bold red"))
        for sentence in made.losses:
            console.print(Text(f"  {sentence}"))
    if made.needs_flag:
        console.print(Text("\nTo apply it all the same: ironstream apply --accept-losses", style="yellow"))


def _row(item: Item) -> tuple[Any, ...]:
    told = [item.note] if item.note else []
    told += [_told(field) for field in item.fields]
    if item.delivers and item.change != "changed":
        told.append(item.delivers)
    change = "; ".join(told) if item.change == "changed" else "; ".join((item.change, *told))
    return Text(item.effect, style=_STYLES[item.effect]), item.kind, item.name, item.series, change, item.path


def _told(field: FieldChange) -> str:
    from msgspec import UNSET

    before, after = ("–" if value is UNSET else _value(value) for value in (field.before, field.after))
    return f"{field.field}: {before} → {after}"


def _value(value: Any) -> str:
    from ironstream.topology.faults import quote
    from ironstream.topology.flow import flow

    try:
        text = flow(value)
    except TypeError:
        return quote(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _costs(made: Plan) -> list[tuple[str, Any, Any]]:
    before, after = _cost(made.cost_before), _cost(made.cost_after)
    return [(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))]


def _cost(cost: Cost | None) -> dict[str, str]:
    if cost is None:
        return {}
    told = {
        "readings/s that are polled, at most": f"{cost.readings_per_s:,.10g}",
        "tags whose device decides how often": f"{cost.unpaced_tags:,}",
        "series": f"{cost.series:,}",
        "alarm conditions": f"{cost.conditions:,}",
        "topics": f"{cost.topics:,}",
        "partitions of all topics": f"{cost.partitions:,}",
    }
    for sink in cost.sinks:
        told[f"sink {sink.id}: polled readings a day, at most"] = f"{sink.readings_per_day:,}"
        told[f"sink {sink.id}: aggregates a day, at most"] = f"{sum(sink.aggregates_per_day.values()):,}"
    return told
