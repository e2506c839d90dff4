"""`ironstream demo`: the whole system with a simulated plant, to look at."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ironstream.commands.options import DataDirOption, OutputOption, settings_of
from ironstream.commands.output import Output, err, out, print_json
from ironstream.commands.signals import stop_on_signals
from ironstream.demo.folder import fresh_folder
from ironstream.demo.plant import running_plant, without_outside_settings
from ironstream.demo.summary import as_json, print_summary
from ironstream.demo.watch import Watch
from ironstream.errors import ConfigurationError
from ironstream.log import configure_logging

PICTURE_SIZE = (150, 46)


def demo(
    duration: Annotated[
        float | None, typer.Option(help="Seconds to run after the set-up; left out: until Ctrl-C.", min=1)
    ] = None,
    data_dir: DataDirOption = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write the last view as an SVG file.", dir_okay=False, hidden=True)
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the whole system at work: a simulated plant read by Modbus, OPC UA and MQTT, Kafka, a worker, an operator.

    It needs nothing but this installation: it starts a Kafka of its own on a free port, in a folder that is emptied at
    each start. The view reads Kafka alone. One device, flowmeter-1, babbles on purpose: what it sends beyond its limit
    is refused, 50 dead letters a second. A PostgreSQL and files of Parquet store what is clean, and are asked for it.
    With --duration the exit code is 0 only if all of this was seen: clean values of every protocol, aggregates, a gap,
    a dead letter, an alarm from ACTIVE over ACKNOWLEDGED to CLEARED, answers of both stores.

    Examples:

      ironstream demo

      ironstream demo --duration 60 --output json
    """
    folder = (data_dir or settings_of().data_dir / "demo").absolute()
    without_outside_settings()
    # stdout is for the summary; logs of libraries would spoil the view, and the children's have files of their own
    configure_logging("ERROR", "console")
    console = err()
    live = console.is_terminal and output is Output.TABLE
    with stop_on_signals() as stop, fresh_folder(folder), running_plant(folder, console, stop) as plant:
        watch = Watch(plant, console, live=live)
        asyncio.run(watch.run(stop, duration))
        seconds = watch.seconds
        if picture is not None:
            _save(watch, picture)
        console.print("[dim]stopping[/]")
    scene = watch.scene
    if output is Output.JSON:
        print_json(as_json(scene, seconds))
    else:
        print_summary(out(), scene, seconds)
        console.print(f"logs and the topology used: {folder}", style="dim", markup=False)
    if duration is not None and scene.missing:
        names = ", ".join(scene.missing)
        console.print(f"[bold red]not seen:[/] {names}\n  the logs in {folder / 'logs'} say more")
        raise typer.Exit(1)


def _save(watch: Watch, path: Path) -> None:
    width, height = PICTURE_SIZE
    console = Console(
        record=True, width=width, height=height, force_terminal=True, color_system="truecolor", file=io.StringIO()
    )
    console.print(watch.screen(width, height))
    # without the web fonts that rich links to: a picture must not call anybody
    whole = console.export_svg(title="ironstream demo")
    picture = re.sub(r"@font-face \{.*?\}\s*|<!-- Generated.*?-->\s*", "", whole, flags=re.DOTALL)
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", "Name another file.") from error
