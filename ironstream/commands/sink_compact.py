"""`ironstream sink compact`: few large files of many small ones."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ironstream.commands.options import OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, out, print_json, progress
from ironstream.commands.redacted import without_secrets
from ironstream.commands.sink_named import NameArgument, NamedSink, sink_named
from ironstream.errors import ConfigurationError

if TYPE_CHECKING:
    from ironstream.sinks.sink import CompactSummary


def compact(
    name: NameArgument,
    every: Annotated[
        bool, typer.Option("--all", help="Also what is so new that the sink may still be adding to it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make few large files of the many small ones that a sink has written; the sink may run meanwhile.

    Killed at any moment it loses nothing and doubles nothing, and a second run finishes what is left. Run it once a
    day.

    Examples:

      ironstream sink compact archive --dry-run

      ironstream sink compact archive
    """
    sink = sink_named(settings_of(topology=topology), name)
    summary = asyncio.run(_compact(sink, every=every, dry_run=dry_run))
    if output is Output.JSON:
        print_json({"id": name, "kind": sink.part.kind, "dry_run": dry_run, **asdict(summary)})
        return
    would = "would be " if dry_run else ""
    console = out()
    console.print(Text(f"{_many(summary.merged, 'file')} {would}merged into {summary.made:,}", style="bold"))
    if summary.leftovers:
        console.print(f"{_many(summary.leftovers, 'leftover')} of an earlier compaction {would}removed")
    size = "" if dry_run else f", {_mib(summary.bytes_before)} MiB before and {_mib(summary.bytes_after)} MiB now"
    console.print(
        Text(f"{summary.directories:,} director{'y' if summary.directories == 1 else 'ies'}{size}", style="dim")
    )


async def _compact(sink: NamedSink, *, every: bool, dry_run: bool) -> CompactSummary:
    from ironstream.gateway.secrets import SecretPlaces
    from ironstream.sinks.configured import configured
    from ironstream.sinks.sink import CompactOptions

    if sink.kind.compact is None:
        raise ConfigurationError(
            f"Sink {sink.part.id} is of kind {sink.part.kind}, which has nothing to compact.",
            "Name a sink that writes files, such as one of kind s3-parquet.",
        )
    config, redact = await configured(sink.part, sink.kind, SecretPlaces.from_environment())
    with without_secrets(redact), progress() as bar:
        task = bar.add_task(f"compacting {sink.part.id}", total=None)
        options = CompactOptions(
            every=every,
            dry_run=dry_run,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        return await sink.kind.compact(config, sink.context, options)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _mib(count: int) -> str:
    return f"{count / 1024 / 1024:,.1f}"
