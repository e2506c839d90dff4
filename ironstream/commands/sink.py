"""`ironstream sink`: stores what is clean where topology.yaml says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ironstream.commands.children import Child, ironstream
from ironstream.commands.groups import RunByDefault
from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, settings_of
from ironstream.commands.output import err
from ironstream.commands.signals import stop_on_signals
from ironstream.commands.sink_compact import compact
from ironstream.commands.sink_list import list_sinks
from ironstream.commands.sink_named import enabled_sinks
from ironstream.commands.sink_reach import reach
from ironstream.commands.sink_replay import replay
from ironstream.commands.supervised import environment, supervise
from ironstream.log import configure_logging
from ironstream.settings import Settings

app = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    help="Store what is clean: `ironstream sink NAME` runs a sink of topology.yaml.",
)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Ids of sinks.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every enabled sink, each in a process of its own.")] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            help="Port of /metrics, /health, /live and /ready; 0 takes a free one, of several sinks each has the next"
            " [IRONSTREAM_METRICS_PORT].",
            min=0,
        ),
    ] = None,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run sinks until SIGTERM or Ctrl-C: what is held is written, then the offsets are committed.

    Start a sink as often as you like, on as many machines: they share the partitions. While its target is away a sink
    waits, and nothing else does; then it goes on where it was. The log goes to stderr; those of several sinks are in
    DATA_DIR/logs, and one that dies is started again.

    Examples:

      ironstream sink archive

      ironstream sink --all --metrics-port 9101
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir, metrics_port=metrics_port)
    configure_logging(settings.log_level, settings.log_format)
    ids = enabled_sinks(settings, names or [], every=every)
    if len(ids) > 1:
        _run_each(ids, settings)
        return
    # Faust is costly to import, which every other command would pay for
    from ironstream.sink_process import run_sink

    run_sink(ids[0], settings)


def _run_each(ids: Sequence[str], settings: Settings) -> None:
    """Faust runs one app, which is one consumer group, in a process."""
    processes = [
        Child(
            f"sink {sink_id}",
            ironstream("sink", "run", sink_id),
            settings.data_dir / "logs" / f"sink-{sink_id}.log",
            environment(settings) | _port_of(place, settings.metrics_port),
        )
        for place, sink_id in enumerate(ids)
    ]
    with stop_on_signals() as stop:
        supervise(processes, err(), stop)


def _port_of(place: int, first: int | None) -> dict[str, str]:
    return {} if first is None else {"IRONSTREAM_METRICS_PORT": str(first + place if first else 0)}


app.command("list")(list_sinks)
app.command("test")(reach)
app.command()(replay)
app.command()(compact)
