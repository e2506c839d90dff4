"""What a demo has shown, as a table or as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ironstream.contract import Topic
from ironstream.demo.scene import ASKED, BABBLER, Milestone, Scene
from ironstream.domain.times import to_iso


def as_json(scene: Scene, seconds: float) -> dict[str, Any]:
    """The summary for programs; times are in s after the set-up."""
    clean = scene.counts[Topic.TELEMETRY_CLEAN]
    return {
        "complete": not scene.missing,
        "missing": [str(milestone) for milestone in scene.missing],
        "seconds": round(seconds, 1),
        "clean_readings": clean,
        "readings_per_s": round(clean / max(seconds, 1e-3), 1),
        "seen": {
            str(milestone): {"first_s": round(seen.first_s, 1), "count": seen.count}
            for milestone, seen in scene.milestones.items()
        },
        "stored": {str(store): {str(one.series): one.value for one in found} for store, found in scene.stored.items()},
        "dead_letters": {reason: letters.count for reason, letters in scene.dead_letters.items()},
    }


def print_summary(console: Console, scene: Scene, seconds: float) -> None:
    """The summary for people."""
    table = Table(title=f"Seen in {seconds:.0f} s", title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("what")
    table.add_column("first after", justify="right")
    table.add_column("count", justify="right")
    for milestone in Milestone:
        seen = scene.milestones.get(milestone)
        if seen is None:
            table.add_row(Text(milestone, style="bold red"), Text("not seen", style="bold red"), "")
        else:
            table.add_row(milestone, f"{seen.first_s:.1f} s", f"{seen.count:,}")
    console.print(table)
    if scene.stored:
        console.print(_stored(scene))
    clean = scene.counts[Topic.TELEMETRY_CLEAN]
    console.print(f"{clean:,} clean readings, {clean / max(seconds, 1e-3):,.0f} a second")
    if scene.dead_letters:
        reasons = ", ".join(f"{letters.count:,} {reason}" for reason, letters in sorted(scene.dead_letters.items()))
        console.print(f"dead letters: {reasons}")
    on_purpose = sum(letters.on_purpose for letters in scene.dead_letters.values())
    if on_purpose:
        console.print(
            f"{on_purpose:,} of them are on purpose: {BABBLER} babbles, "
            "it is polled for more readings a second than topology.yaml allows"
        )


def _stored(scene: Scene) -> Table:
    """The last values of one machine, as both stores tell them: `ironstream query last pump-1 --store store|lake`."""
    title = f"ironstream query last {ASKED}, of both stores"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("series")
    stores = {"PostgreSQL": Milestone.DATABASE, "Parquet files": Milestone.LAKE}
    for name in stores:
        table.add_column(name, justify="right")
        table.add_column("read at (UTC)")
    answers = [{one.series: one for one in scene.stored.get(store, [])} for store in stores.values()]
    for series in sorted(set().union(*answers)):
        cells = [Text(str(series))]
        for answer in answers:
            one = answer.get(series)
            value = "–" if one is None or one.value is None else f"{one.value:.4g} {one.unit or ''}"
            cells += [Text(value), Text("" if one is None else to_iso(one.time_us)[11:19])]
        table.add_row(*cells)
    return table
