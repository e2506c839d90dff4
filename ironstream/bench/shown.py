"""What the commands of `ironstream bench` share: options, progress, how a result is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Annotated, Any

import typer
from rich.table import Table

from ironstream.bench.pipeline import Report
from ironstream.bench.report import machine_line
from ironstream.commands.output import Output, out, print_json, progress

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        "-b",
        metavar="HOST:PORT",
        help="Use this Kafka, with topics of its own that are deleted afterwards. Default: one is started for it.",
    ),
]


def show(output: Output, result: Any, tables: Iterable[Table], **derived: float | None) -> None:
    """The end of every command: `derived` figures and the fields of a result as JSON, or its tables and the machine."""
    if output is Output.JSON:
        print_json(derived | {one.name: getattr(result, one.name) for one in fields(result)})
        return
    for one in tables:
        out().print(one, "")
    out().print(machine_line(result.machine))


@contextmanager
def measuring() -> Iterator[Report]:
    """Progress on a terminal. aiokafka's warnings, of which new topics make some, would come between."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with progress() as bar:
        task = bar.add_task("", total=None)

        def report(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield report
