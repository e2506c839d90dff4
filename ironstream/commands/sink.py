"""`ironstream sink`: stores what is clean where topology.yaml says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ironstream.commands.groups import RunByDefault
from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, settings_of
from ironstream.commands.output import err
from ironstream.commands.signals import stop_on_signals
from ironstream.commands.sink_compact import compact
from ironstream.commands.sink_list import list_sinks
from ironstream.commands.sink_reach import reach
from ironstream.commands.sink_replay import replay
from ironstream.commands.sink_set import EnabledSinks, SinkChildren, sink_process
from ironstream.commands.supervised import supervise
from ironstream.errors import ConfigurationError
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
    waits, and nothing else does; then it goes on where it was. The version of the topology that holds is followed
    (`ironstream apply`): a sink that is declared otherwise writes what it holds and goes on as declared, one that is
    disabled or removed waits until it is there again; --all starts and stops them as they come and go. The log goes to
    stderr; those of several sinks are in DATA_DIR/logs, and one that dies is started again.

    Examples:

      ironstream sink archive

      ironstream sink --all --metrics-port 9101
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir, metrics_port=metrics_port)
    configure_logging(settings.log_level, settings.log_format)
    if bool(names) == every:
        raise ConfigurationError(
            "Sinks are named, and --all is given too." if every else "No sink is named.",
            "Name one or more, or give --all.",
        )
    ids = list(dict.fromkeys(names or []))
    if len(ids) != 1:
        _run_each(ids, settings)
        return
    # Faust is costly to import, which every other command would pay for
    from ironstream.commands.local_store import offer_running_store
    from ironstream.sink_process import run_sink

    run_sink(ids[0], settings, offer_running_store)


def _run_each(ids: Sequence[str], settings: Settings) -> None:
    """A process for each, or, where none is named, for each that is enabled: Faust runs one consumer group in one."""
    children = SinkChildren(
        lambda sink_id, place: sink_process(settings, sink_id, _port_of(place, settings.metrics_port))
    )
    with stop_on_signals() as stop:
        if ids:
            supervise(children.of(ids), err(), stop)
            return
        with EnabledSinks(settings, err()).followed() as enabled:
            if not enabled.ids:
                err().print("no sink is enabled: they are started when the topology has some")
            supervise((), err(), stop, lambda: children.of(enabled.ids))


def _port_of(place: int, first: int | None) -> dict[str, str]:
    return {} if first is None else {"IRONSTREAM_METRICS_PORT": str(first + place if first else 0)}


app.command("list")(list_sinks)
app.command("test")(reach)
app.command()(replay)
app.command()(compact)
