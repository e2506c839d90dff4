"""`ironstream tail`: the records of a topic as they come."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json_line, run
from ironstream.commands.records import summary
from ironstream.engine.log_reader import LogReader
from ironstream.record_text import as_json
from ironstream.settings import Settings


def tail(
    topic: Annotated[str, typer.Argument(help="Topic without the deployment's prefix, telemetry.clean say.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest record.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after so many records.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", "-k", help="Only keys that contain this: acme/north-works/pump-1, pump-1.")
    ] = None,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the records of a topic, decoded, as they come; Ctrl-C ends it. The engine's own records are left out.

    Examples:

      ironstream tail telemetry.clean --key pump-1

      ironstream tail alarms.clean --from-beginning --limit 20

      ironstream tail telemetry.10s --output json | jq .value.aggregates.avg
    """
    settings = settings_of(bootstrap=bootstrap)
    run(_follow(settings, topic, from_beginning, limit, key, output), settings.bootstrap)


async def _follow(
    settings: Settings, topic: str, from_beginning: bool, limit: int | None, key: str | None, output: Output
) -> None:
    console = out()
    shown = 0
    async with LogReader(settings, [topic]) as reader:
        await (reader.to_beginning() if from_beginning else reader.to_end())
        async for record in reader.follow():
            if key is not None and key.encode() not in (record.key or b""):
                continue
            if output is Output.JSON:
                print_json_line(as_json(topic, record))
            else:
                console.print(summary(topic, record), markup=False)
            shown += 1
            if shown == limit:
                return
