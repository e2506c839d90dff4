"""`ironstream`: the command line. Each group of commands is a module of `ironstream.commands`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ironstream import __version__
from ironstream.commands import (
    adapter,
    alarms,
    apply,
    bench,
    check,
    dlq,
    doctor,
    gateway,
    imports,
    ledger,
    plan,
    promote,
    query,
    rollout,
    schema,
    sink,
    status,
    tables,
    tail,
    topics,
    up,
    worker,
)
from ironstream.commands.output import print_error
from ironstream.demo import command as demo
from ironstream.errors import IronstreamError

app = typer.Typer(
    name="ironstream",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Machine telemetry through Kafka: clean data, aggregates and alarms, with state that never counts twice.",
    epilog="Settings come from the environment (IRONSTREAM_BOOTSTRAP, …); the plant is described in topology.yaml."
    " Exit codes: 0 done, 1 failed, 2 bad usage or configuration.",
)
_TRY = "See it run"
_RUN = "Run it"
_CHANGE = "Change the plant"
_LOOK = "Look into it"

app.command(rich_help_panel=_TRY)(demo.demo)
app.command(rich_help_panel=_TRY)(doctor.doctor)
app.command(rich_help_panel=_RUN)(up.up)
app.command(rich_help_panel=_RUN)(worker.worker)
app.command(rich_help_panel=_RUN)(gateway.gateway)
app.add_typer(adapter.app, name="adapter", rich_help_panel=_RUN)
app.add_typer(sink.app, name="sink", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(topics.topics)
app.command(rich_help_panel=_CHANGE)(check.check)
app.command(rich_help_panel=_CHANGE)(schema.schema)
app.command(rich_help_panel=_CHANGE)(plan.plan)
app.add_typer(imports.app, name="import", rich_help_panel=_CHANGE)
app.command(rich_help_panel=_CHANGE)(apply.apply)
app.command(rich_help_panel=_CHANGE)(promote.promote)
app.command(rich_help_panel=_CHANGE)(rollout.rollback)
app.command(rich_help_panel=_CHANGE)(status.status)
app.command(rich_help_panel=_CHANGE)(rollout.history)
app.command(rich_help_panel=_CHANGE)(rollout.show)
app.command(rich_help_panel=_CHANGE)(rollout.diff)
app.add_typer(alarms.app, name="alarms", rich_help_panel=_LOOK)
app.add_typer(tables.app, name="tables", rich_help_panel=_LOOK)
app.command(rich_help_panel=_LOOK)(tail.tail)
app.add_typer(query.app, name="query", rich_help_panel=_LOOK)
app.add_typer(dlq.app, name="dlq", rich_help_panel=_LOOK)
app.command(rich_help_panel=_LOOK)(ledger.ledger)
app.command(
    "bench",
    rich_help_panel=_LOOK,
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(bench.bench)


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
