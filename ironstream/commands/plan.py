"""`ironstream plan`: what a topology file would change, before anybody applies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from ironstream.commands.options import OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table

if TYPE_CHECKING:
    from ironstream.topology import Topology
    from ironstream.topology.plan import Cost, FieldChange, Item, Plan

_STYLES: Final = {"start": "green", "stop": "red", "restart": "yellow", "changes": "cyan", "none": "dim"}
_SHOWN_MAX: Final = 1_000
"""Parts in the table; JSON has all."""

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="File to plan [IRONSTREAM_TOPOLOGY, topology.yaml].")
]
AgainstOption = Annotated[Path, typer.Option("--against", metavar="FILE", help="File to compare with.")]


@dataclass(frozen=True, slots=True)
class Before:
    """What a plan starts from: a topology (None where nothing holds yet), and what to call it."""

    name: str
    topology: Topology | None


def plan(file: FileArgument = None, *, against: AgainstOption, output: OutputOption = Output.TABLE) -> None:
    """Show what a topology file would change: what starts, stops and restarts, what is touched, lost, and costs.

    Nothing is changed. Exit code 2 for a file with faults.

    Examples:

      ironstream plan --against topology.yaml.old

      ironstream plan plant.yaml --against topology.yaml --output json
    """
    # what a check needs is costly to import, which every other command would pay for
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.plan import plan as plan_of

    path = file or settings_of().topology
    before = before_of_file(against)
    made = plan_of(before.topology, _checked(path), sinks=SINKS)
    if output is Output.JSON:
        print_json({"before": before.name, "after": str(path), **_fields(made)})
    else:
        _show(made, before.name, str(path))


def before_of_file(path: Path) -> Before:
    """The topology of another file. Raises TopologyError for one that cannot be used."""
    return Before(str(path), _checked(path))


def _checked(path: Path) -> Topology:
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import load_topology

    return load_topology(path, CONFIG_MODELS, SINKS)


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
