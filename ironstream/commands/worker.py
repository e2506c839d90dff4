"""`ironstream worker`: the agents in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, settings_of
from ironstream.log import configure_logging


def worker(
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port of /metrics, /live and /ready; 0 takes a free one [IRONSTREAM_METRICS_PORT].", min=0),
    ] = None,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C: it commits and leaves its partitions to the others.

    Start as many as you like, on as many machines: they share the partitions. The log goes to stderr.

    Examples:

      ironstream worker

      IRONSTREAM_LOG_FORMAT=console ironstream worker --bootstrap kafka-1:9092 --metrics-port 9100
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir, metrics_port=metrics_port)
    configure_logging(settings.log_level, settings.log_format)
    # Faust is costly to import, which every other command would pay for
    from ironstream.worker import build_app, run

    run(build_app(settings))
