"""`ironstream adapter`: reads the machines of topology.yaml, or those of CONFIG_JSON."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ironstream.commands import adapter_tags
from ironstream.commands.adapter_browse import browse
from ironstream.commands.adapter_pipelines import enabled_pipelines
from ironstream.commands.adapter_read import read
from ironstream.commands.groups import RunByDefault
from ironstream.commands.options import BootstrapOption, TopologyOption, export_settings, settings_of
from ironstream.errors import ConfigurationError


class _RunConfigJson(RunByDefault):
    """`adapter` alone runs what CONFIG_JSON describes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add `run` where the environment says what."""
        if not args and os.environ.get("CONFIG_JSON"):
            args.append("run")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunConfigJson,
    no_args_is_help=True,
    help="Read machines into Kafka: `ironstream adapter NAME` runs a pipeline of topology.yaml.",
)
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
    buffer_dir: Annotated[
        Path | None, typer.Option(help="Folder that keeps what Kafka does not take [IRONSTREAM_BUFFER_DIR].")
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
    export_settings(bootstrap=bootstrap, topology=topology, health_port=health_port, buffer_dir=buffer_dir)
    # pymodbus and the registry are costly to import, which every other command would pay for
    from adapters.__main__ import main as run_config_json
    from adapters.__main__ import settings_from_environment
    from adapters.registry import ADAPTERS
    from ironstream.gateway.supervisor import run_pipelines, stop_on_signal

    if not names and not every:
        if not os.environ.get("CONFIG_JSON"):
            raise ConfigurationError("No pipeline is named.", "Name one or more, or give --all, or set CONFIG_JSON.")
        raise typer.Exit(run_config_json())
    pipelines = enabled_pipelines(settings_of().topology, names or [], gateway)
    settings = settings_from_environment()

    async def read() -> int:
        async with stop_on_signal() as stop:
            return await run_pipelines(pipelines, settings, stop, adapters=ADAPTERS, on_ready=_say_where)

    raise typer.Exit(asyncio.run(read()))


def _say_where(port: int) -> None:
    sys.stderr.write(f"health and metrics on port {port}\n")
    sys.stderr.flush()


app.command("test")(read)
app.command()(browse)
app.add_typer(adapter_tags.app, name="tags")
