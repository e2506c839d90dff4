"""`ironstream import`: configurations of other systems as parts of topology.yaml."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ironstream.commands.lists import bytes_of
from ironstream.commands.options import TopologyOption, export_settings, settings_of
from ironstream.commands.output import err, out
from ironstream.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Configurations of other systems as parts of topology.yaml.")


@app.callback()
def _group() -> None:
    """Keeps the name of the one system that there is."""


@app.command()
def telegraf(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Configuration files of Telegraf (TOML).")],
    write: Annotated[
        bool, typer.Option("--write", help="Add to topology.yaml; else a topology of its own is written to stdout.")
    ] = False,
    tenant: Annotated[str, typer.Option(help="Tenant of what is read.")] = "",
    site: Annotated[str, typer.Option(help="Site of what is read.")] = "",
    gateway: Annotated[str, typer.Option(help="Gateway that runs the pipelines.")] = "",
    asset_tag: Annotated[str, typer.Option(help="Tag of Telegraf that names the asset, such as machine.")] = "",
    topology: TopologyOption = None,
) -> None:
    """Make pipelines and assets of Telegraf's inputs.modbus, inputs.opcua and inputs.opcua_listener.

    What has no counterpart is told on stderr, with its file and line. Variables of the environment are filled in as
    Telegraf does; passwords become secrets.

    Examples:

      ironstream import telegraf telegraf.conf > topology.yaml

      ironstream import telegraf telegraf.d/*.conf --asset-tag machine --write
    """
    export_settings(topology=topology)
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.telegraf.device import Options
    from ironstream.telegraf.plan import plan_telegraf
    from ironstream.topology.write import replace_file

    configurations = [(str(file), _text_of(file)) for file in files]
    options = Options(tenant, site, gateway, asset_tag)
    path = settings_of().topology
    if write:
        data = bytes_of(path, "topology.yaml")
        plan = plan_telegraf(
            configurations, options, os.environ, models=CONFIG_MODELS, sinks=SINKS, data=data, filename=str(path)
        )
        replace_file(path, plan.data, data)
    else:
        plan = plan_telegraf(configurations, options, os.environ, models=CONFIG_MODELS, sinks=SINKS)
        sys.stdout.write(plan.data.decode())
    console = err()
    for note in plan.notes:
        console.print(Text("not as it was: ", style="bold yellow") + Text(str(note)))
    if write:
        out().print(
            Text(f"{path} is written", style="bold green")
            + Text(f": {len(plan.pipelines)} pipelines and {len(plan.assets)} assets more")
        )


def _text_of(file: Path) -> str:
    try:
        return bytes_of(file, "a configuration of Telegraf").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8.", "Save it as UTF-8, as TOML is.") from None
