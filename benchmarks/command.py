"""What the benchmarks' commands have in common."""

from __future__ import annotations

import signal
import sys

import typer

from ironstream.commands.output import print_error
from ironstream.errors import IronstreamError


def run_command(app: typer.Typer) -> None:
    """Be the command: SIGTERM ends it like Ctrl-C, so that processes are stopped and gigabytes of logs go."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except IronstreamError as error:
        print_error(error)
        sys.exit(error.exit_code)
