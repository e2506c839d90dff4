"""`ironstream sink`: stores what is clean where topology.yaml says."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.commands.groups import RunByDefault
from ironstream.commands.options import BootstrapOption, TopologyOption, settings_of
from ironstream.commands.sink_compact import compact
from ironstream.commands.sink_list import list_sinks
from ironstream.commands.sink_named import enabled_sinks
from ironstream.commands.sink_reach import reach
from ironstream.commands.sink_replay import replay
from ironstream.log import configure_logging

app = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    help="Store what is clean: `ironstream sink NAME` runs a sink of topology.yaml.",
)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Ids of sinks.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every enabled sink, in one process.")] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port of /metrics, /live and /ready; 0 takes a free one [IRONSTREAM_METRICS_PORT].", min=0),
    ] = None,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
) -> None:
    """Run sinks until SIGTERM or Ctrl-C: what is held is written, then the offsets are committed.

    Start a sink as often as you like, on as many machines: they share the partitions. While its target is away a sink
    waits, and nothing else does; then it goes on where it was. The log goes to stderr.

    Examples:

      ironstream sink archive

      ironstream sink --all --metrics-port 9101
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, metrics_port=metrics_port)
    configure_logging(settings.log_level, settings.log_format)
    ids = enabled_sinks(settings, names or [], every=every)
    # Faust is costly to import, which every other command would pay for
    from ironstream.sink_process import run_sinks

    run_sinks(ids, settings)


app.command("list")(list_sinks)
app.command("test")(reach)
app.command()(replay)
app.command()(compact)
