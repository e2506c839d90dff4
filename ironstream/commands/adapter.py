"""`ironstream adapter`: reads the machines of topology.yaml, or those of CONFIG_JSON."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from ironstream.commands.options import BootstrapOption, OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err, print_json, print_table
from ironstream.errors import ConfigurationError
from ironstream.gateway.pipeline import PipelineSpec


class _RunByDefault(TyperGroup):
    """`adapter NAME` means `adapter run NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before what is no command of the group."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args.insert(0, "run")
        elif not args and os.environ.get("CONFIG_JSON"):
            args.append("run")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Read machines into Kafka: `ironstream adapter NAME` runs a pipeline of topology.yaml.",
)
tag_lists = typer.Typer(no_args_is_help=True, help="Lists of tags as CSV, for spreadsheets.")
app.add_typer(tag_lists, name="tags")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Id of a pipeline of topology.yaml.")]
GatewayOption = Annotated[
    str | None, typer.Option(help="Only the pipelines of this gateway, and those that name none.")
]


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Ids of pipelines.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every enabled pipeline, in one process.")] = False,
    gateway: GatewayOption = None,
    health_port: Annotated[
        int | None, typer.Option(help="Port of /health and /metrics; 0 takes a free one [IRONSTREAM_HEALTH_PORT].")
    ] = None,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
) -> None:
    """Run pipelines until SIGTERM or Ctrl-C, then flush.

    Without a name the configuration is CONFIG_JSON (base64 of JSON), as a container gets it.

    Examples:

      ironstream adapter pump-1-modbus

      ironstream adapter --all --gateway gw-1
    """
    export_settings(bootstrap=bootstrap, topology=topology, health_port=health_port)
    # pymodbus and the registry are costly to import, which every other command would pay for
    from adapters.__main__ import main as run_config_json
    from adapters.__main__ import settings_from_environment
    from adapters.registry import ADAPTERS
    from ironstream.gateway.supervisor import run_pipelines, stop_on_signal

    if not names and not every:
        if not os.environ.get("CONFIG_JSON"):
            raise ConfigurationError("No pipeline is named.", "Name one or more, or give --all, or set CONFIG_JSON.")
        raise typer.Exit(run_config_json())
    pipelines = _pipelines(settings_of().topology, names or [], gateway)
    settings = settings_from_environment()

    async def read() -> int:
        async with stop_on_signal() as stop:
            return await run_pipelines(pipelines, settings, stop, adapters=ADAPTERS, on_ready=_say_where)

    raise typer.Exit(asyncio.run(read()))


@app.command("test")
def read(name: NameArgument, topology: TopologyOption = None, output: OutputOption = Output.TABLE) -> None:
    """Connect to the device of one pipeline and read every tag once; nothing is sent to Kafka.

    Example:

      ironstream adapter test pump-1-modbus
    """
    export_settings(topology=topology)
    from adapters.__main__ import settings_from_environment
    from adapters.registry import ADAPTERS
    from ironstream.gateway.adapter import Received
    from ironstream.gateway.build import build
    from ironstream.gateway.once import read_once

    pipelines = _pipelines(settings_of().topology, [name], None)
    settings = settings_from_environment()

    async def once() -> Received:
        (built,) = await build(pipelines, ADAPTERS, settings)
        return await read_once(built.adapter)

    received = asyncio.run(once())
    rows = [
        {
            "parameter": sample.parameter,
            "value": sample.value,
            "unit": sample.point.unit,
            "quality": sample.quality.name,
            "reason": sample.reason,
        }
        for sample in received.samples
    ]
    if output is Output.JSON:
        print_json({"pipeline": name, "samples": rows, "faults": [fault.message for fault in received.faults]})
    else:
        print_table(f"{name}: {len(rows)} values", ("parameter", "value", "unit", "quality", "reason"),
                    [[_shown(cell) for cell in row.values()] for row in rows])  # fmt: skip
        for fault in received.faults:
            err().print(f"[yellow]fault:[/] {fault.message}")
    if received.faults or not rows:
        raise typer.Exit(1)


@tag_lists.command("export")
def export_tags(
    name: NameArgument,
    file: Annotated[Path | None, typer.Argument(help="CSV file to write; left out: stdout.")] = None,
    topology: TopologyOption = None,
) -> None:
    """Write the tags of a pipeline as CSV.

    Example:

      ironstream adapter tags export pump-1-modbus pump-1.csv
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS
    from ironstream.gateway.tags_csv import tags_to_csv

    (pipeline,) = _pipelines(settings_of().topology, [name], None)
    kind = ADAPTERS[pipeline.adapter]
    tags: Sequence[BaseModel] = getattr(kind.config_model.model_validate(pipeline.config), "tags")  # noqa: B009
    text = tags_to_csv(tags, kind.tag_model)
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}", "Name another file.") from error


@tag_lists.command("import")
def import_tags(
    file: Annotated[Path, typer.Argument(help="CSV file with a header.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a CSV of Modbus tags and print it as the `tags:` of a pipeline, to put into topology.yaml.

    Example:

      ironstream adapter tags import pump-1.csv
    """
    import yaml

    from adapters.modbus.config import Tag
    from ironstream.gateway.tags_csv import tags_from_csv

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}", "Name a CSV file in UTF-8.") from error
    found = tags_from_csv(text, Tag)
    if output is Output.JSON:
        print_json({"tags": found})
    else:
        lines = (yaml.safe_dump(tag, default_flow_style=True, sort_keys=False, width=1000) for tag in found)
        sys.stdout.write("tags:\n" + "".join(f"  - {line}" for line in lines))


def _pipelines(path: Path, names: list[str], gateway: str | None) -> list[PipelineSpec]:
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.from_topology import pipelines_of
    from ironstream.topology import load_topology

    known = pipelines_of(load_topology(path, CONFIG_MODELS), gateway)
    by_id = {pipeline.id: pipeline for pipeline in known}
    missing = [name for name in names if name not in by_id]
    if missing or not by_id:
        raise ConfigurationError(
            f"{path} has no enabled pipeline {', '.join(missing)}".rstrip() + ".",
            f"There are: {', '.join(by_id) or 'none'}.",
        )
    return [by_id[name] for name in names] if names else known


def _say_where(port: int) -> None:
    sys.stderr.write(f"health and metrics on port {port}\n")
    sys.stderr.flush()


def _shown(cell: Any) -> Any:
    return f"{cell:.6g}" if isinstance(cell, float) else cell
