"""`ironstream`: the command line. Each group of commands is a module of `ironstream.commands`."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Final

import typer

from ironstream import __version__
from ironstream.commands.loading import Place, group_of
from ironstream.commands.output import print_error
from ironstream.errors import IronstreamError

_TRY: Final = "See it run"
_RUN: Final = "Run it"
_CHANGE: Final = "Change the plant"
_LOOK: Final = "Look into it"
_HANDED_ON: Final = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}

COMMANDS: Final = {
    "demo": Place("ironstream.demo.command:demo", _TRY),
    "doctor": Place("ironstream.commands.doctor:doctor", _TRY),
    "up": Place("ironstream.commands.up:up", _RUN),
    "worker": Place("ironstream.commands.worker:worker", _RUN),
    "gateway": Place("ironstream.commands.gateway:gateway", _RUN),
    "adapter": Place("ironstream.commands.adapter:app", _RUN),
    "sink": Place("ironstream.commands.sink:app", _RUN),
    "web": Place("ironstream.commands.web:app", _RUN),
    "topics": Place("ironstream.commands.topics:topics", _RUN),
    "check": Place("ironstream.commands.check:check", _CHANGE),
    "schema": Place("ironstream.commands.schema:schema", _CHANGE),
    "plan": Place("ironstream.commands.plan:plan", _CHANGE),
    "import": Place("ironstream.commands.imports:app", _CHANGE),
    "apply": Place("ironstream.commands.apply:apply", _CHANGE),
    "promote": Place("ironstream.commands.promote:promote", _CHANGE),
    "rollback": Place("ironstream.commands.rollout:rollback", _CHANGE),
    "status": Place("ironstream.commands.status:status", _CHANGE),
    "history": Place("ironstream.commands.rollout:history", _CHANGE),
    "show": Place("ironstream.commands.rollout:show", _CHANGE),
    "diff": Place("ironstream.commands.rollout:diff", _CHANGE),
    "alarms": Place("ironstream.commands.alarms:app", _LOOK),
    "tables": Place("ironstream.commands.tables:app", _LOOK),
    "tail": Place("ironstream.commands.tail:tail", _LOOK),
    "query": Place("ironstream.commands.query:app", _LOOK),
    "dlq": Place("ironstream.commands.dlq:app", _LOOK),
    "ledger": Place("ironstream.commands.ledger:ledger", _LOOK),
    "bench": Place("ironstream.commands.bench:bench", _LOOK, _HANDED_ON),
}
"""Every command by its name, in the order of the help."""

app = typer.Typer(
    name="ironstream",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Machine telemetry through Kafka: clean data, aggregates and alarms, with state that never counts twice.",
    epilog="Settings come from the environment (IRONSTREAM_BOOTSTRAP, …); the plant is described in topology.yaml."
    " Exit codes: 0 done, 1 failed, 2 bad usage or configuration.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ironstream {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Nothing of its own: the commands do the work."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code. Errors that a person can mend are shown without a traceback."""
    # what it warns of, and tries again, is for logs: of a command people see what comes of it
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        app(args=arguments, prog_name="ironstream")
    except IronstreamError as error:
        print_error(error)
        return error.exit_code
    except SystemExit as end:
        # Typer ends every command so: 2 for bad usage, 130 for Ctrl-C
        return end.code if isinstance(end.code, int) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
